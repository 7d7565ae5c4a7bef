"""Private networks, their regions and subnets, and the public network."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.addresses import is_used
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region
from koprogo_fleet.lab.ovh_api.state import Record

MAX_VLAN = 4095


def _shape(record: Record) -> dict[str, Any]:
    building = record["regions"] if record["status"] == "BUILDING" else record.get("building", ())
    regions = [
        {
            "region": region,
            "status": "BUILDING" if region in building else "ACTIVE",
            "openstackId": None if region in building else openstack_id,
        }
        for region, openstack_id in record["regions"].items()
    ]
    return {
        "id": record["id"],
        "name": record["name"],
        "vlanId": record["vlan_id"],
        "status": record["status"],
        "type": "private",
        "regions": regions,
    }


def _list(call: Call) -> Any:
    with call.state.look() as data:
        return [_shape(record) for record in data["networks"].values()]


def _public(_call: Call) -> Any:
    regions = [
        {"region": region, "status": "ACTIVE", "openstackId": catalogue.public_network_id(region)}
        for region in catalogue.REGIONS
    ]
    shape = {"id": "Ext-Net", "name": "Ext-Net", "vlanId": 0, "status": "ACTIVE", "type": "public", "regions": regions}
    return [shape]


def _create(call: Call) -> Any:
    body = call.fields({"name": str}, {"vlanId": int, "regions": list})
    for region in body.get("regions", ()):
        check_region(region)
    with call.state.change() as data:
        record = new_network(data, body["name"], body.get("vlanId"), body.get("regions") or catalogue.REGIONS)
        shape = _shape(record)
    call.lifecycle.begin("networks", shape["id"])
    return shape


def new_network(data: Record, name: str, vlan: int | None, regions: Sequence[str]) -> Record:
    """
    Add a network that is BUILDING to the state.

    Raises:
        ApiError: 400, the VLAN cannot be, or the project is in no vRack; 409, the VLAN is taken.
    """
    vracks = [vrack["id"] for vrack in data["vracks"].values() if vrack["members"]["cloudProject"]]
    if not vracks:
        raise bad_request("The project is not attached to a vRack")
    taken = {record["vlan_id"] for record in data["networks"].values()}
    if vlan is None:
        vlan = next(free for free in range(MAX_VLAN) if free not in taken)
    if not 0 <= vlan <= MAX_VLAN:
        raise bad_request("vlanId must be between 0 and 4095")
    if vlan in taken:
        raise conflict(f"A network with VLAN {vlan} already exists")
    record: Record = {
        "id": f"{vracks[0]}_{vlan}",
        "name": name,
        "vlan_id": vlan,
        "regions": {region: str(uuid.uuid4()) for region in regions},
        "building": [],
        "status": "BUILDING",
        "task": "create",
    }
    data["networks"][record["id"]] = record
    return record


def _get(call: Call, network_id: str) -> Any:
    with call.state.look() as data:
        return _shape(_network(data, network_id))


def _rename(call: Call, network_id: str) -> None:
    body = call.fields({"name": str})
    with call.state.change() as data:
        _network(data, network_id)["name"] = body["name"]


def _delete(call: Call, network_id: str) -> None:
    with call.state.change() as data:
        network = _network(data, network_id)
        if is_used(data, "network_id", network_id):
            raise bad_request(f"Network {network_id} has ports in use")
        network.update(status="DELETING", task="delete")
    call.lifecycle.begin("networks", network_id)


def _activate(call: Call, network_id: str) -> Any:
    region = call.fields({"region": str})["region"]
    check_region(region)
    with call.state.change() as data:
        network = _network(data, network_id)
        if region in network["regions"]:
            raise bad_request(f"Region {region} is already activated")
        network["regions"][region] = str(uuid.uuid4())
        network.update(building=[region], task="activate")
        shape = _shape(network)
    call.lifecycle.begin("networks", network_id)
    return shape


def _deactivate(call: Call, region: str, openstack_id: str) -> None:
    with call.state.change() as data:
        for network in data["networks"].values():
            if network["regions"].get(region) == openstack_id:
                break
        else:
            raise not_found("Network")
        if is_used(data, "openstack_id", openstack_id):
            raise bad_request(f"Network {openstack_id} has ports in use")
        del network["regions"][region]
        for subnet in [item for item in data["subnets"].values() if item["network_id"] == network["id"]]:
            if subnet["region"] == region:
                del data["subnets"][subnet["id"]]


def _network(data: Record, network_id: str) -> Record:
    network: Record | None = data["networks"].get(network_id)
    if network is None:
        raise not_found("Network")
    return network


def _subnet_shape(record: Record) -> dict[str, Any]:
    pool = {name: record[name] for name in ("network", "region", "start", "end", "dhcp")}
    return {
        "id": record["id"],
        "cidr": record["network"],
        "gatewayIp": record["gateway"],
        "dhcpEnabled": record["dhcp"],
        "ipPools": [pool],
    }


def _subnets(call: Call, network_id: str) -> Any:
    with call.state.look() as data:
        _network(data, network_id)
        return [_subnet_shape(item) for item in data["subnets"].values() if item["network_id"] == network_id]


def _create_subnet(call: Call, network_id: str) -> Any:
    body = call.fields({"network": str, "start": str, "end": str, "dhcp": bool, "noGateway": bool, "region": str})
    try:
        cidr = IPv4Network(body["network"])
        start, end = IPv4Address(body["start"]), IPv4Address(body["end"])
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise bad_request(str(error)) from None
    if start not in cidr or end not in cidr or start > end:
        raise bad_request(f"{start}-{end} is not a range of {cidr}")
    with call.state.change() as data:
        network = _network(data, network_id)
        if network["status"] != "ACTIVE":
            raise conflict(f"Network {network_id} is not active")
        if body["region"] not in network["regions"]:
            raise bad_request(f"Network {network_id} is not in region {body['region']}")
        for other in data["subnets"].values():
            same = other["network_id"] == network_id and other["region"] == body["region"]
            if same and cidr.overlaps(IPv4Network(other["network"])):
                raise conflict(f"{cidr} overlaps with subnet {other['id']}")
        record = {
            "id": str(uuid.uuid4()),
            "network_id": network_id,
            **{name: body[name] for name in ("network", "region", "start", "end", "dhcp")},
            "gateway": None if body["noGateway"] else str(cidr[1]),
        }
        data["subnets"][record["id"]] = record
    return _subnet_shape(record)


def _change_subnet(call: Call, network_id: str, subnet_id: str) -> Any:
    body = call.fields({"dhcp": bool, "disableGateway": bool}, {"gatewayIp": str})
    with call.state.change() as data:
        _network(data, network_id)
        subnet = data["subnets"].get(subnet_id)
        if subnet is None or subnet["network_id"] != network_id:
            raise not_found("Subnet")
        cidr = IPv4Network(subnet["network"])
        gateway = None if body["disableGateway"] else body.get("gatewayIp", str(cidr[1]))
        subnet.update(dhcp=body["dhcp"], gateway=gateway)
        return _subnet_shape(subnet)


def _delete_subnet(call: Call, network_id: str, subnet_id: str) -> None:
    with call.state.change() as data:
        _network(data, network_id)
        if subnet_id not in data["subnets"]:
            raise not_found("Subnet")
        if is_used(data, "subnet_id", subnet_id):
            raise bad_request(f"Subnet {subnet_id} has ports in use")
        del data["subnets"][subnet_id]


ROUTES = (
    Route("GET", "/network/public", _public),
    Route("GET", "/network/private", _list),
    Route("POST", "/network/private", _create),
    Route("GET", "/network/private/<network_id>", _get),
    Route("PUT", "/network/private/<network_id>", _rename),
    Route("DELETE", "/network/private/<network_id>", _delete),
    Route("POST", "/network/private/<network_id>/region", _activate),
    Route("DELETE", "/region/<region>/network/<openstack_id>", _deactivate),
    Route("GET", "/network/private/<network_id>/subnet", _subnets),
    Route("POST", "/network/private/<network_id>/subnet", _create_subnet),
    Route("PUT", "/network/private/<network_id>/subnet/<subnet_id>", _change_subnet),
    Route("DELETE", "/network/private/<network_id>/subnet/<subnet_id>", _delete_subnet),
)
