"""What the lab remembers of a machine."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

from koprogo_fleet.lab import records
from koprogo_fleet.lab.machines import Machine, Port

MACHINE = Machine(
    "0e3a0b2e",
    "node-1",
    "#cloud-config\n",
    ("ssh-ed25519 AAAA",),
    (
        Port("public", "fa:16:3e:00:00:01", IPv4Address("198.18.1.10"), 24, IPv4Address("198.18.1.1")),
        Port("pn-1_0", "fa:16:3e:00:00:02", IPv4Address("10.0.0.10"), 24, None),
    ),
)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    """What is written is read back equal, and no other user can read it."""
    record = records.Record(MACHINE, powered_on=False, volumes={"vdb": "some-volume"})
    records.write(tmp_path / "machine.json", record)

    assert records.read(tmp_path / "machine.json") == record
    assert (tmp_path / "machine.json").stat().st_mode & 0o777 == 0o600
    assert records.read(tmp_path / "none.json") is None


def test_volumes_keep_their_device_names() -> None:
    """A volume gets the first free name, once, and the others keep theirs when it goes."""
    record = records.Record(MACHINE).with_volume("a").with_volume("b").with_volume("a")
    assert dict(record.volumes) == {"vdb": "a", "vdc": "b"}

    record = record.without_volume("a")
    assert dict(record.volumes) == {"vdc": "b"}

    assert dict(record.with_volume("c").volumes) == {"vdb": "c", "vdc": "b"}
