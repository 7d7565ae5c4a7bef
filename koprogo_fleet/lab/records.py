"""What the lab remembers of a machine, so that a later process, or the same host after a reboot, can go on with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.machines import Machine, Port
from koprogo_fleet.lab.paths import LabPaths


@dataclass(frozen=True)
class Record:
    """
    A machine and its desired state.

    Attributes:
        powered_on: whether it should run; ``lab up`` boots it then.
        volumes: the ids of its volumes by the device's name in the machine (vdb, vdc, …).
    """

    machine: Machine
    powered_on: bool = True
    volumes: Mapping[str, str] = field(default_factory=dict)

    def with_volume(self, volume_id: str) -> Record:
        """Return the record with the volume at the first free device name; unchanged where it has one."""
        if volume_id in self.volumes.values():
            return self
        device = next(name for name in map("vd{}".format, "bcdefghijklmnopqrstuvwxyz") if name not in self.volumes)
        return replace(self, volumes={**self.volumes, device: volume_id})

    def without_volume(self, volume_id: str) -> Record:
        """Return the record without the volume."""
        return replace(self, volumes={name: held for name, held in self.volumes.items() if held != volume_id})


def read(file: Path) -> Record | None:
    """Return the record in *file*, or None where there is none."""
    try:
        stored = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    machine = stored["machine"]
    ports = tuple(
        Port(
            network_id=port["network_id"],
            mac=port["mac"],
            address=IPv4Address(port["address"]),
            prefix_length=port["prefix_length"],
            gateway=IPv4Address(port["gateway"]) if port["gateway"] else None,
        )
        for port in machine["ports"]
    )
    keys = tuple(machine["authorized_keys"])
    return Record(
        Machine(machine["id"], machine["name"], machine["user_data"], keys, ports),
        stored["powered_on"],
        stored["volumes"],
    )


def write(file: Path, record: Record) -> None:
    """Keep the record; readable by its owner alone, since user-data may hold keys."""
    write_atomically(file, json.dumps(asdict(record), default=str, indent=1), mode=0o600)


def read_all(paths: LabPaths) -> Iterator[Record]:
    """Yield the records of all machines of a lab."""
    for file in sorted(paths.machines.glob("*/machine.json")):
        if record := read(file):
            yield record
