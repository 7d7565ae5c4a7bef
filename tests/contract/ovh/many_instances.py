"""A fleet of a thousand nodes at the emulator, as if it had grown there."""

from __future__ import annotations

import copy
import uuid
from ipaddress import IPv4Address
from typing import Any

from emulated_cloud import Cloud
from emulated_fleet import FLEET

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.inventory.observe import VrackPort


def large(nodes: int) -> Fleet:
    """Return a fleet of one server and so many agents, 200 in a pool; they would not fit the emulator's quota."""
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
    """Put an instance for each node into the emulator's memory, alike the first; return what a sync knows of them."""
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
