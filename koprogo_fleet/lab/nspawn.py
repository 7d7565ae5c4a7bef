"""
The lab's machines: Debian systems booted by systemd-nspawn, each on an overlay over the base image.

A machine has its own processes, host name, control groups and network; it shares the host's kernel. Its NICs are ours:
nspawn is handed a finished network namespace, so that they have the names and addresses of an OVH instance's.
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

from koprogo_fleet.core.errors import KoprogoError, WaitTimeout
from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import disks, processes, records
from koprogo_fleet.lab.cgroups import Cgroup
from koprogo_fleet.lab.commands import run
from koprogo_fleet.lab.image import ensure_image
from koprogo_fleet.lab.locks import exclusive
from koprogo_fleet.lab.machines import Machine
from koprogo_fleet.lab.network import LabNetwork
from koprogo_fleet.lab.openbao.tls import Authority
from koprogo_fleet.lab.paths import LabPaths, MachinePaths
from koprogo_fleet.lab.records import Record
from koprogo_fleet.lab.seed import trust, write_seed
from koprogo_fleet.lab.uplink import resolvers

START_SECONDS = 60
STOP_SECONDS = 60
NSPAWN_STATE = Path("/run/systemd/nspawn")  # where an nspawn that was killed leaves its lock and its mount point
POWER_OFF = signal.SIGRTMIN + 4  # what systemd takes for its power button
# nspawn ends with 133 when the machine has rebooted itself, and leaves it to us to start it again.
REBOOT_LOOP = 'while :; do "$@"; [ $? -eq 133 ] || exit 0; done'
# Kubernetes wants what is not on the overlay (overlayfs does not stack), and the rest of a real machine's powers.
DATA_DIRECTORIES = ("var/lib/rancher", "var/lib/kubelet")
POWERS = ("--capability=all", "--drop-capability=CAP_SYS_TIME", "--system-call-filter=@keyring bpf", "--bind=/dev/kmsg")
# Keeps nspawn from asking a systemd on the host, and leaves console, DNS and clock to the machine and us.
ALONE = (
    "--register=no",
    "--keep-unit",
    "--link-journal=no",
    "--console=read-only",
    "--resolv-conf=off",
    "--timezone=off",
)


class NspawnMachines:
    """Implements :class:`koprogo_fleet.lab.machines.Machines` for one lab; safe in threads and several processes."""

    def __init__(self, paths: LabPaths) -> None:
        self._paths = paths
        self._network = LabNetwork(paths)

    @property
    def public_subnet(self) -> IPv4Network:
        """The public network's addresses; the first is the gateway."""
        return self._network.subnet

    def ensure_network(self, network_id: str) -> None:
        """Make a private network."""
        self._network.ensure_bridge(network_id)

    def remove_network(self, network_id: str) -> None:
        """Remove a private network."""
        self._network.remove_bridge(network_id)

    def boot(self, machine: Machine) -> None:
        """
        Start *machine* with its volumes; a running one stays as it is.

        Raises:
            KoprogoError: nspawn ended at once; carries the end of the machine's console.
        """
        with self._locked(machine.id):
            place = self._paths.machine(machine.id)
            former = records.read(place.record)
            record = replace(former, machine=machine, powered_on=True) if former else Record(machine)
            records.write(place.record, record)
            if not self.is_running(machine.id):
                self._start(place, record)

    def boot_again(self, machine_id: str) -> None:
        """
        Start a machine that should run and does not; one that was destroyed meanwhile stays away.

        Raises:
            KoprogoError: as :meth:`boot`.
        """
        place = self._paths.machine(machine_id)
        with self._locked(machine_id):
            record = records.read(place.record)
            if record is None:
                place.lock.unlink()
            elif record.powered_on and not self.is_running(machine_id):
                self._start(place, record)

    def is_running(self, machine_id: str) -> bool:
        """Say whether the machine is powered on."""
        return processes.running(self._paths.machine(machine_id).process) is not None

    def stop(self, machine_id: str) -> None:
        """Shut the machine down; pull the plug when that takes longer than a minute."""
        with self._locked(machine_id):
            self._set_power(machine_id, on=False)
            if leader := self._leader(machine_id):
                with suppress(ProcessLookupError):
                    os.kill(leader, POWER_OFF)
                with suppress(WaitTimeout):
                    self._wait_until_off(machine_id)
            self._end(machine_id)

    def kill(self, machine_id: str) -> None:
        """Pull the plug."""
        with self._locked(machine_id):
            self._set_power(machine_id, on=False)
            self._end(machine_id)

    def destroy(self, machine_id: str) -> None:
        """Kill the machine and remove all it owns; its volumes stay. An absent machine is fine."""
        place = self._paths.machine(machine_id)
        with self._locked(machine_id):
            self._end(machine_id)
            record = records.read(place.record)
            for volume_id in record.volumes.values() if record else ():
                disks.remove_loop(self._paths.volume(volume_id))
            self._network.disconnect(machine_id, record.machine.ports if record else ())
            self._cgroup(machine_id).remove()
            if place.directory.exists():
                shutil.rmtree(place.directory)
            place.lock.unlink()

    def attach_volume(self, machine_id: str, volume_id: str, size_gb: int) -> None:
        """
        Make the volume a block device of the machine.

        Raises:
            KoprogoError: there is no such machine, or another one has the volume.
        """
        place = self._paths.machine(machine_id)
        with self._locked(machine_id):
            record = records.read(place.record)
            if record is None:
                raise KoprogoError(f"there is no machine {machine_id} to attach the volume {volume_id} to")
            for other in records.read_all(self._paths):
                if other.machine.id != machine_id and volume_id in other.volumes.values():
                    raise KoprogoError(
                        f"the volume {volume_id} is attached to {other.machine.name}", next_step="detach it there first"
                    )
            disks.ensure_file(self._paths.volume(volume_id), size_gb)
            record = record.with_volume(volume_id)
            records.write(place.record, record)
            if leader := self._leader(machine_id):
                loops = self._write_devices(place, record)
                for name, held in record.volumes.items():
                    disks.plug(leader, name, held, loops[held])

    def detach_volume(self, machine_id: str, volume_id: str) -> None:
        """Take the volume's device away from the machine; a volume that is not attached is fine."""
        place = self._paths.machine(machine_id)
        with self._locked(machine_id):
            record = records.read(place.record)
            if record is None or volume_id not in record.volumes.values():
                return
            rest = record.without_volume(volume_id)
            records.write(place.record, rest)
            if leader := self._leader(machine_id):
                name = next(name for name, held in record.volumes.items() if held == volume_id)
                disks.unplug(leader, name, volume_id)
                self._write_devices(place, rest)
            disks.remove_loop(self._paths.volume(volume_id))

    def delete_volume(self, volume_id: str) -> None:
        """Delete the volume, detached before where need be."""
        for record in records.read_all(self._paths):
            self.detach_volume(record.machine.id, volume_id)
        disks.remove_loop(self._paths.volume(volume_id))
        self._paths.volume(volume_id).unlink(missing_ok=True)

    def memory(self, machine_id: str) -> int:
        """Return the bytes of memory that the machine's processes hold."""
        return self._cgroup(machine_id).memory()

    def _start(self, place: MachinePaths, record: Record) -> None:
        self._end(record.machine.id)
        for directory in (place.upper, place.work, place.root, *(place.data / name for name in DATA_DIRECTORIES)):
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not place.image.is_dir():
            if place.image.is_symlink():
                raise KoprogoError(
                    f"the base image of the machine {record.machine.name} is gone: {place.image.readlink()}",
                    cause="somebody emptied the cache while the lab was up",
                    next_step=f"koprogo-fleet lab down --lab {self._paths.name}, then up again",
                )
            place.image.symlink_to(ensure_image())
        layers = f"lowerdir={place.image.resolve()},upperdir={place.upper},workdir={place.work}"
        run(["mount", "-t", "overlay", "-o", layers, f"koprogo-lab-{self._paths.name}", place.root])
        write_seed(place.root, record.machine, (self._network.gateway, *resolvers()))
        trust(place.root, Authority(self._paths.authority).ensure())
        self._write_devices(place, record)
        namespace = self._network.connect(record.machine.id, record.machine.ports)
        processes.start_daemon(
            self._command(place, record.machine, namespace),
            process_file=place.process,
            log=place.console,
            # "network": the machine may set its network's kernel settings, but not pretend to have devices to wait for
            environment={**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
        )

        def started() -> None:
            if self._leader(record.machine.id) is None:
                if processes.running(place.process) is None:
                    raise KoprogoError(
                        f"the machine {record.machine.name} ended at once; the end of its console {place.console}:\n"
                        + processes.log_tail(place.console)
                    )
                raise NotYet("systemd-nspawn prepares it")

        wait_for(f"the machine {record.machine.name} to start", started, seconds=START_SECONDS, interval=0.02)

    def _command(self, place: MachinePaths, machine: Machine, namespace: Path) -> list[str | Path]:
        binaries = cache_dir() / "kubernetes" / "bin"
        binaries.mkdir(parents=True, exist_ok=True)
        return [
            *("sh", "-c", REBOOT_LOOP, "sh"),
            *self._cgroup(machine.id).launcher(),
            *("systemd-nspawn", "--quiet", "--boot", *ALONE, *POWERS, f"--directory={place.root}"),
            *(f"--machine={namespace.name[:64]}", f"--hostname={machine.name}", f"--uuid={machine.id}"),
            f"--network-namespace-path={namespace}",
            *(f"--bind={place.data / name}:/{name}" for name in DATA_DIRECTORIES),
            f"--bind-ro={binaries}:/opt/koprogo-lab/bin",
        ]

    def _write_devices(self, place: MachinePaths, record: Record) -> dict[str, disks.LoopDevice]:
        """Make the loop devices of the machine's volumes, and tell its next boot about them."""
        loops = {held: disks.ensure_loop(self._paths.volume(held)) for held in record.volumes.values()}
        disks.write_device_nodes(place.root, record.volumes, loops)
        return loops

    def _end(self, machine_id: str) -> None:
        """Leave no process and no mount of the machine, whatever state it is in."""
        place = self._paths.machine(machine_id)
        processes.kill(place.process)
        self._cgroup(machine_id).kill()
        if place.root.is_mount():
            root = place.root.stat()
            run(["umount", place.root])
            (NSPAWN_STATE / "locks" / f"inode-{root.st_dev}:{root.st_ino}").unlink(missing_ok=True)
        for leftover in (NSPAWN_STATE / "propagate").glob(f"kl*-{machine_id}"):
            leftover.rmdir()

    def _set_power(self, machine_id: str, *, on: bool) -> None:
        file = self._paths.machine(machine_id).record
        if record := records.read(file):
            records.write(file, replace(record, powered_on=on))

    def _wait_until_off(self, machine_id: str) -> None:
        def off() -> None:
            if processes.running(self._paths.machine(machine_id).process):
                raise NotYet("it is shutting down")

        wait_for(f"the machine {machine_id} to shut down", off, seconds=STOP_SECONDS, interval=0.1)

    def _leader(self, machine_id: str) -> int | None:
        return self._cgroup(machine_id).leader()

    def _cgroup(self, machine_id: str) -> Cgroup:
        return Cgroup(self._paths.name, machine_id)

    def _locked(self, machine_id: str) -> AbstractContextManager[None]:
        return exclusive(self._paths.machine(machine_id).lock, f"changing the machine {machine_id}")
