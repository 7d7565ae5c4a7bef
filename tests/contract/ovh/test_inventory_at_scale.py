"""The inventory of a thousand instances."""

from __future__ import annotations

import copy
import uuid
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from emulated_cloud import Cloud
from emulated_fleet import FLEET, provision

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.inventory.documents import documents
from koprogo_fleet.inventory.observe import Observed, VrackPort
from koprogo_fleet.inventory.sync import sync
from koprogo_fleet.ovh.instances import list_instances

KEY = Path("/state/id_ed25519")


def large(nodes: int) -> Fleet:
    """Return a fleet of so many nodes, 200 in a pool; they would not fit the emulator's quota."""
    pools = [
        {"name": f"p{index}", "role": "server" if index == 0 else "agent", "count": 1 if index == 0 else 200}
        | {"flavor": "b2-30", "first_address": str(IPv4Address("10.8.0.10") + index * 201)}
        for index in range(nodes // 200 + 1)
    ]
    shape = {
        **FLEET.model_dump(mode="json"),
        "network": {"vrack": "10.8.0.0/16", "pods": "10.64.0.0/12", "services": "10.43.0.0/16"},
        "pools": pools,
    }
    return Fleet.model_validate(shape)


def populate(cloud: Cloud, fleet: Fleet) -> list[VrackPort]:
    """Put an instance for each node straight into the emulator's memory; return what a former sync knew of them."""
    provision(cloud)
    ports = []
    with cloud.state.change() as data:
        (model, *_) = data["instances"].values()
        data["instances"].clear()
        for number, node in enumerate(fleet.nodes):
            record: dict[str, Any] = copy.deepcopy(model)
            record.update(id=str(uuid.uuid4()), name=node.name)
            for port in record["ports"]:
                public = port["network_id"] == model["ports"][0]["network_id"]
                port["ip"] = str(IPv4Address("198.19.0.0") + number) if public else str(node.vrack_address)
                port["mac"] = f"fa:16:3e:{int(public):02x}:{number >> 8:02x}:{number & 255:02x}"
            data["instances"][record["id"]] = record
            cloud.machines.running.add(record["id"])
            ports.append(VrackPort(record["id"], node.vrack_address, record["ports"][1]["mac"]))
    return ports


def test_a_thousand_instances_take_as_many_calls_as_one(cloud: Cloud, tmp_path: Path) -> None:
    """One call reads all instances; the MACs, which never change, are known since each instance's first sync."""
    fleet = large(1000)
    ports = populate(cloud, fleet)
    known = documents(fleet, Observed(list_instances(cloud.api()), known_ports=tuple(ports)), KEY)
    for name, text in known.files().items():
        (tmp_path / name).write_text(text)
    before = len(cloud.requests())

    found = sync(cloud.api(), fleet, tmp_path, KEY)

    assert (1001, ()) == (len(found.hosts), found.differences)
    assert ["time", "project", "instance"] == [entry["path"].rsplit("/", 1)[-1] for entry in cloud.requests()[before:]]
