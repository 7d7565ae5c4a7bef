"""A lab as a whole: up from whatever state it is in, its status, and down without a trace."""

from __future__ import annotations

import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import disks, processes, records, requirements
from koprogo_fleet.lab.image import ensure_image
from koprogo_fleet.lab.locks import exclusive
from koprogo_fleet.lab.network import LabNetwork, interfaces
from koprogo_fleet.lab.nspawn import NspawnMachines
from koprogo_fleet.lab.paths import LabPaths, labs_dir

if TYPE_CHECKING:
    from koprogo_fleet.lab.postgres import DatabaseEndpoint

EMULATOR_SECONDS = 30
STOP_SECONDS = 10


@dataclass(frozen=True)
class LabEndpoints:
    """How to reach the lab's OVH and Vault, as one would reach the real ones; and its database, where one was asked for."""

    ovh_url: str
    application_key: str
    application_secret: Secret
    consumer_key: Secret
    project_id: str
    vault_address: str
    vault_token: Secret
    vault_ca: Path
    database: DatabaseEndpoint | None = None


@dataclass(frozen=True)
class MachineStatus:
    """A machine of the lab; *memory* in bytes, without the page cache."""

    id: str
    name: str
    running: bool
    addresses: tuple[IPv4Address, ...]
    memory: int


@dataclass(frozen=True)
class LabStatus:
    """
    What there is of a lab.

    Attributes:
        subnet: the public network; None when the lab is down.
        services: whether each service runs, by its name.
        interfaces: the host's interfaces of the lab: bridges, and the host's ends of the machines' NICs.
    """

    name: str
    subnet: IPv4Network | None
    services: dict[str, bool]
    interfaces: tuple[str, ...]
    machines: tuple[MachineStatus, ...]

    @property
    def up(self) -> bool:
        """Whether everything that should run does."""
        return self.subnet is not None and all(self.services.values())


class Lab:
    """
    The lab called *name*: machines, an OVH API over them, and a Vault.

    Raises:
        InputError: *name* cannot name a lab.
    """

    def __init__(self, name: str = "default") -> None:
        self.paths = LabPaths(name)
        self._network = LabNetwork(self.paths)
        self._machines = NspawnMachines(self.paths)

    def up(self, listener: Listener = ignore, *, database: bool = False) -> LabEndpoints:
        """
        Bring up what is not up: everything at first, the missing parts after a crash or a reboot of this machine.

        Args:
            listener: told of what takes time.
            database: have a PostgreSQL server, too; a lab that has one keeps it.

        Raises:
            MissingRequirement: this machine cannot hold a lab.
            KoprogoError: a part does not start; carries the end of its log.
        """
        from koprogo_fleet.lab import openbao, postgres

        requirements.check_rights()
        with exclusive(self.paths.lock, f"the lab {self.paths.name}", listener):
            requirements.ensure_programs(listener)
            if not self.paths.network.exists():
                requirements.check_room()
            self.paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            ensure_image(listener)
            self._network.up(listener)
            vault = openbao.ensure_running(self.paths, listener)
            wanted = database or postgres.was_asked_for(self.paths)
            found = postgres.ensure_running(self.paths, self._network.gateway, listener) if wanted else None
            self._boot_again(listener)
            ovh = self._ensure_emulator(listener)
        return LabEndpoints(
            ovh_url=ovh["url"],
            application_key=ovh["application_key"],
            application_secret=Secret(ovh["application_secret"]),
            consumer_key=Secret(ovh["consumer_key"]),
            project_id=ovh["project_id"],
            vault_address=vault.address,
            vault_token=vault.token,
            vault_ca=vault.ca,
            database=found,
        )

    def status(self) -> LabStatus:
        """Look at the lab, and change nothing."""
        from koprogo_fleet.lab import openbao, postgres

        if not self.paths.network.exists():
            return LabStatus(self.paths.name, None, {}, (), ())
        asked_for = {"PostgreSQL": postgres.is_running(self.paths)} if postgres.was_asked_for(self.paths) else {}
        return LabStatus(
            name=self.paths.name,
            subnet=self._network.subnet,
            services={
                "OVH API": processes.running(self.paths.emulator_pid) is not None,
                "OpenBao": openbao.is_running(self.paths),
                **asked_for,
            },
            interfaces=tuple(interfaces(self._network.number)),
            machines=tuple(
                MachineStatus(
                    id=record.machine.id,
                    name=record.machine.name,
                    running=self._machines.is_running(record.machine.id),
                    addresses=tuple(port.address for port in record.machine.ports),
                    memory=self._machines.memory(record.machine.id),
                )
                for record in records.read_all(self.paths)
            ),
        )

    def down(self, listener: Listener = ignore) -> None:
        """
        Stop and remove all of the lab, in whatever state it is; the base image stays in the cache.

        Raises:
            MissingRequirement: we are not root.
        """
        from koprogo_fleet.lab import openbao, postgres

        requirements.check_rights()
        if not self.paths.root.exists():
            listener(Note(f"the lab {self.paths.name} is not up"))
        with exclusive(self.paths.lock, f"the lab {self.paths.name}", listener):
            if self.paths.root.exists():
                processes.stop(self.paths.emulator_pid, seconds=STOP_SECONDS)
                openbao.stop(self.paths)
                postgres.stop(self.paths)
                self._destroy_machines(listener)
                for volume in self.paths.volumes.glob("*.img"):
                    disks.remove_loop(volume)
            self._network.down()
            if self.paths.root.exists():
                shutil.rmtree(self.paths.root)
            self.paths.lock.unlink()
        self._leave_no_empty_directory()

    def _boot_again(self, listener: Listener) -> None:
        """Boot the machines that should run and do not: this machine was rebooted, or they were killed."""
        off = [
            record.machine
            for record in records.read_all(self.paths)
            if record.powered_on and not self._machines.is_running(record.machine.id)
        ]
        if off:
            listener(Note(f"booting again: {', '.join(machine.name for machine in off)}"))
            with ThreadPoolExecutor() as pool:
                list(pool.map(self._machines.boot_again, [machine.id for machine in off]))

    def _destroy_machines(self, listener: Listener) -> None:
        ids = [place.name for place in self.paths.machines.glob("[!.]*")]
        if ids:
            listener(Note(f"destroying {len(ids)} machines of the lab {self.paths.name}"))
            with ThreadPoolExecutor() as pool:
                list(pool.map(self._machines.destroy, ids))

    def _ensure_emulator(self, listener: Listener) -> dict[str, str]:
        if processes.running(self.paths.emulator_pid) is None:
            listener(Note(f"starting the OVH API of the lab {self.paths.name}"))
            self.paths.ovh_endpoint.unlink(missing_ok=True)
            processes.start_daemon(
                [sys.executable, "-m", "koprogo_fleet.lab.ovh_api", "--lab", self.paths.name],
                process_file=self.paths.emulator_pid,
                log=self.paths.emulator_log,
                # as a user of the emulator's own machines, it must not take itself for a client of the real OVH
                environment={name: value for name, value in os.environ.items() if not name.startswith("OVH_")},
            )
        return wait_for(
            "the OVH API of the lab to answer",
            self._emulator_endpoint,
            seconds=EMULATOR_SECONDS,
            interval=0.1,
            listener=listener,
            next_step=f"read {self.paths.emulator_log}",
        )

    def _emulator_endpoint(self) -> dict[str, str]:
        if processes.running(self.paths.emulator_pid) is None:
            log = self.paths.emulator_log
            raise KoprogoError(f"the OVH API of the lab ended; the end of {log}:\n{processes.log_tail(log)}")
        try:
            endpoint: dict[str, Any] = json.loads(self.paths.ovh_endpoint.read_text())
        except FileNotFoundError:
            raise NotYet("it has not said where it listens") from None
        try:
            with urlopen(f"{endpoint['url']}/auth/time", timeout=5):  # noqa: S310 - the address is our own emulator's
                return endpoint
        except HTTPError:
            return endpoint  # an injected fault: it answers, and that is the question
        except (OSError, HTTPException) as error:
            raise NotYet(str(error)) from error

    @staticmethod
    def _leave_no_empty_directory() -> None:
        """Remove the directory of all labs with the last of them."""
        with suppress(FileNotFoundError):
            if {entry.name for entry in labs_dir().iterdir()} <= {".lock"}:
                (labs_dir() / ".lock").unlink(missing_ok=True)
                with suppress(OSError):  # another lab comes up at this very moment
                    labs_dir().rmdir()
