"""Volumes: sparse files on the host, loop devices over them, and device nodes inside the machines."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.commands import run

GIB = 1024**3
DEVICES_FILE = "usr/lib/tmpfiles.d/koprogo-lab-disks.conf"
SERIAL_LENGTH = 20  # virtio cuts a volume's id after so many characters


@dataclass(frozen=True)
class LoopDevice:
    """
    A loop device of the host.

    Attributes:
        path: on the host.
        number: its major and minor number, with a colon.
        leaving: it was detached while somebody had it mounted, and goes with the last mount.
    """

    path: Path
    number: str
    leaving: bool


def ensure_file(file: Path, size_gb: int) -> None:
    """Make the sparse file of a volume, or let it grow; it never shrinks."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        os.fchmod(stream.fileno(), 0o600)
        if stream.seek(0, os.SEEK_END) < size_gb * GIB:
            stream.truncate(size_gb * GIB)


def ensure_loop(file: Path, seconds: float = 30.0) -> LoopDevice:
    """
    Return the loop device over *file*, made now unless there is one; it is as large as the file is now.

    Raises:
        WaitTimeout: the one that was detached last is still mounted somewhere after *seconds*.
    """

    def usable() -> LoopDevice | None:
        device = find_loop(file)
        if device is not None and device.leaving:
            raise NotYet(f"{device.path} is still mounted")
        return device

    # the mounts of a killed machine go a moment after its last process
    if device := wait_for(f"the last mount of the volume {file.stem} to go", usable, seconds=seconds, interval=0.05):
        run(["losetup", "--set-capacity", device.path])
        return device
    return _listed(run(["losetup", "--find", "--show", file]).strip())


def find_loop(file: Path) -> LoopDevice | None:
    """Return the loop device over *file*, or None."""
    return next((device for device, backing in _all_loops() if backing == str(file)), None)


def remove_loop(file: Path) -> None:
    """Detach the loop device over *file*; while a machine still has it mounted, this takes effect afterwards."""
    if device := find_loop(file):
        run(["losetup", "--detach", device.path])


def device_nodes(volumes: Mapping[str, str], loops: Mapping[str, LoopDevice]) -> str:
    """
    Return what systemd-tmpfiles shall make at boot: each volume's device node and its link by id.

    Args:
        volumes: the volumes' ids by device name.
        loops: the loop devices by volume id.
    """
    lines: list[str] = []
    for name, volume_id in sorted(volumes.items()):
        lines.append(f"b /dev/{name} 0660 root disk - {loops[volume_id].number}")
        lines.append(f"L {by_id(volume_id)} - - - - ../../{name}")
    return "".join(f"{line}\n" for line in lines)


def by_id(volume_id: str) -> str:
    """Return the stable path of a volume in its machine."""
    return f"/dev/disk/by-id/virtio-{volume_id[:SERIAL_LENGTH]}"


def write_device_nodes(root: Path, volumes: Mapping[str, str], loops: Mapping[str, LoopDevice]) -> None:
    """Have a machine make its device nodes when it boots next."""
    write_atomically(root / DEVICES_FILE, device_nodes(volumes, loops))


def plug(leader: int, name: str, volume_id: str, loop: LoopDevice) -> None:
    """Make the device node of a volume in the running machine whose PID 1 is *leader* here."""
    script = """\
set -eu
major=${1%:*} minor=${1#*:} device=/dev/$2 link=$3
[ -b "$device" ] || mknod "$device" b "$major" "$minor"
chgrp disk "$device"
chmod 660 "$device"
mkdir -p "${link%/*}"
ln -sfn "../../$2" "$link"
"""
    _inside(leader, script, loop.number, name, by_id(volume_id))


def unplug(leader: int, name: str, volume_id: str) -> None:
    """Remove the device node of a volume from a running machine."""
    _inside(leader, 'rm -f "/dev/$1" "$2"', name, by_id(volume_id))


def _inside(leader: int, script: str, *arguments: str) -> None:
    run(["nsenter", "--target", str(leader), "--mount", "--pid", "sh", "-c", script, "sh", *arguments])


def _listed(path: str) -> LoopDevice:
    return next(device for device, _ in _all_loops() if device.path == Path(path))


def _all_loops() -> list[tuple[LoopDevice, str]]:
    output = run(["losetup", "--list", "--json", "--output", "NAME,MAJ:MIN,AUTOCLEAR,BACK-FILE"])
    listed = json.loads(output)["loopdevices"] if output.strip() else []
    return [
        (LoopDevice(Path(loop["name"]), loop["maj:min"].strip(), bool(loop["autoclear"])), loop["back-file"])
        for loop in listed
    ]
