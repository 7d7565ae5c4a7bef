"""The inventory of a thousand instances."""

from __future__ import annotations

from pathlib import Path

from emulated_cloud import Cloud
from emulated_fleet import provision
from many_instances import large, populate

from koprogo_fleet.inventory.documents import documents
from koprogo_fleet.inventory.observe import Observed
from koprogo_fleet.inventory.sync import sync
from koprogo_fleet.ovh.instances import list_instances

KEY = Path("/state/id_ed25519")


def test_a_thousand_instances_take_as_many_calls_as_one(cloud: Cloud, tmp_path: Path) -> None:
    """One call reads all instances; the MACs, which never change, are known since each instance's first sync."""
    fleet = large(1000)
    provision(cloud, large(0))
    ports = populate(cloud, fleet)
    known = documents(fleet, Observed(list_instances(cloud.api()), known_ports=tuple(ports)), KEY)
    for name, text in known.files().items():
        (tmp_path / name).write_text(text)
    before = len(cloud.requests())

    found = sync(cloud.api(), fleet, tmp_path, KEY)

    assert (1001, ()) == (len(found.hosts), found.differences)
    assert ["time", "project", "instance"] == [entry["path"].rsplit("/", 1)[-1] for entry in cloud.requests()[before:]]
