"""
Gateways: the way out for a private network (NAT), and the way in for floating IPs.

A gateway has two interfaces in its subnet, the gateway's address and one of the pool (github.com/ovh/ovhcloud-cli,
cloud_network_test.go).
"""

from __future__ import annotations

import uuid
from ipaddress import IPv4Network
from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue, jobs
from koprogo_fleet.lab.ovh_api.addresses import free_in_subnet, free_public
from koprogo_fleet.lab.ovh_api.calls import Call, Route, checked
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region
from koprogo_fleet.lab.ovh_api.routes.networks import new_network
from koprogo_fleet.lab.ovh_api.routes.operations import shape as operation
from koprogo_fleet.lab.ovh_api.state import Record

MODELS = ("s", "m", "l", "xl", "2xl", "3xl")
_PAGE = 50


def shape(gateway: Record, region: str) -> dict[str, Any]:
    """Return the gateway as the API shows it; it has no interfaces while it is built."""
    network_id = catalogue.public_network_id(region)
    address = {"ip": gateway["external_ip"], "subnetId": str(uuid.uuid5(uuid.NAMESPACE_DNS, network_id))}
    external = {"ips": [address], "networkId": network_id, "snatEnabled": True}
    return {
        "id": gateway["id"],
        "name": gateway["name"],
        "region": gateway["region"],
        "model": gateway["model"],
        "status": gateway["status"],
        "type": "public",
        "externalInformation": external if gateway["status"] == "active" else None,
        "interfaces": [_interface(item) for item in gateway["interfaces"]] if gateway["status"] == "active" else [],
    }


def _interface(item: Record) -> dict[str, Any]:
    return {"id": item["id"], "ip": item["ip"], "networkId": item["openstack_id"], "subnetId": item["subnet_id"]}


def new_gateway(call: Call, data: Record, subnet: Record, name: str, model: str) -> Record:
    """
    Add a gateway that is building to the state, in a subnet that has a gateway address.

    Raises:
        ApiError: 400, the model is unknown, or the subnet has no gateway address; 409, it has a gateway already.
    """
    if model not in MODELS:
        raise bad_request(f"Invalid gateway model {model}")
    if subnet["gateway"] is None:
        raise bad_request(f"Subnet {subnet['id']} has no gateway IP")
    if gateway_of(data, subnet["id"]) is not None:
        raise conflict(f"Subnet {subnet['id']} already has a gateway")
    region = subnet["region"]
    place = {
        "network_id": subnet["network_id"],
        "openstack_id": data["networks"][subnet["network_id"]]["regions"][region],
        "subnet_id": subnet["id"],
    }
    addresses = (subnet["gateway"], *free_in_subnet(data, subnet))
    gateway = {
        "id": str(uuid.uuid4()),
        "name": name,
        "region": region,
        "model": model,
        "status": "building",
        "external_ip": free_public(data, call.machines.public_subnet),
        "interfaces": [{"id": str(uuid.uuid4()), "ip": address, **place} for address in addresses],
    }
    data["gateways"][gateway["id"]] = gateway
    return gateway


def gateway_of(data: Record, subnet_id: str) -> Record | None:
    """Return the gateway with an interface in the subnet."""
    for gateway in data["gateways"].values():
        if any(interface["subnet_id"] == subnet_id for interface in gateway["interfaces"]):
            return dict(gateway)
    return None


def _create(call: Call, region: str, openstack_id: str, subnet_id: str) -> Any:
    check_region(region)
    body = call.fields({"name": str, "model": str})
    with call.state.change() as data:
        subnet = data["subnets"].get(subnet_id)
        if subnet is None or subnet["region"] != region:
            raise not_found("Subnet")
        if data["networks"][subnet["network_id"]]["regions"].get(region) != openstack_id:
            raise not_found("Network")
        gateway_id = new_gateway(call, data, subnet, body["name"], body["model"])["id"]
        job = jobs.start(
            call,
            data,
            jobs.OPERATION,
            "gateway#create",
            {"gateway_id": gateway_id},
            owner=region,
            resource_id=gateway_id,
        )
        return operation(job)


def _create_with_network(call: Call, region: str) -> Any:
    check_region(region)
    body = call.fields({"name": str, "subnet": dict}, {"vlanId": int, "gateway": dict})
    optional = {"enableGatewayIp": bool, "allocationPools": list, "name": str, "gatewayIp": str}
    subnet = checked(body["subnet"], {"cidr": str, "ipVersion": int, "enableDhcp": bool}, optional)
    try:
        cidr = IPv4Network(subnet["cidr"], strict=False)
    except ValueError as error:
        raise bad_request(str(error)) from None
    has_gateway = subnet.get("enableGatewayIp", False)
    with call.state.change() as data:
        network = new_network(data, body["name"], body.get("vlanId"), (region,))
        record = {
            "id": str(uuid.uuid4()),
            "network_id": network["id"],
            "network": str(cidr),
            "region": region,
            "start": str(cidr[2] if has_gateway else cidr[1]),
            "end": str(cidr[-2]),
            "dhcp": subnet["enableDhcp"],
            "gateway": str(cidr[1]) if has_gateway else None,
        }
        data["subnets"][record["id"]] = record
        parts, arguments = [], {}
        if "gateway" in body:
            wanted = checked(body["gateway"], {"name": str, "model": str})
            arguments["gateway_id"] = new_gateway(call, data, record, wanted["name"], wanted["model"])["id"]
            parts.append(jobs.Part("gateway#create", arguments["gateway_id"]))
        openstack_id = network["regions"][region]
        kind, action = jobs.OPERATION, "network#create"
        job = jobs.start(call, data, kind, action, arguments, owner=region, resource_id=openstack_id, parts=parts)
        answer, network_id = operation(job), network["id"]
    call.lifecycle.begin("networks", network_id)
    return answer


def _list(call: Call, region: str) -> Any:
    check_region(region)
    try:
        limit = min(int(call.query.get("limit", _PAGE)), _PAGE)
    except ValueError:
        raise bad_request("limit must be a number") from None
    subnet_id, marker = call.query.get("subnetId"), call.query.get("marker")
    with call.state.look() as data:
        gateways = [item for item in data["gateways"].values() if item["region"] == region]
        ids = [item["id"] for item in gateways]
        if marker is not None and marker not in ids:
            raise bad_request(f"Marker {marker} not found")
        page = gateways[ids.index(marker) + 1 if marker else 0 :][:limit]
        return [
            shape(item, region)
            for item in page
            if subnet_id is None or any(interface["subnet_id"] == subnet_id for interface in item["interfaces"])
        ]


def _get(call: Call, region: str, gateway_id: str) -> Any:
    with call.state.look() as data:
        return shape(_record(data, region, gateway_id), region)


def _change(call: Call, region: str, gateway_id: str) -> Any:
    body = call.fields({}, {"name": str, "model": str})
    if body.get("model", "s") not in MODELS:
        raise bad_request(f"Invalid gateway model {body['model']}")
    with call.state.change() as data:
        gateway = _record(data, region, gateway_id)
        gateway.update(body)
        return shape(gateway, region)


def _delete(call: Call, region: str, gateway_id: str) -> Any:
    with call.state.change() as data:
        _record(data, region, gateway_id)
        entities = (floating["entity"] for floating in data["floating_ips"].values())
        if any(entity and entity["gateway_id"] == gateway_id for entity in entities):
            raise conflict(f"Gateway {gateway_id} is used by a floating IP")
        arguments = {"gateway_id": gateway_id}
        kind, action = jobs.OPERATION, "gateway#delete"
        return operation(jobs.start(call, data, kind, action, arguments, owner=region, resource_id=gateway_id))


def _record(data: Record, region: str, gateway_id: str) -> Record:
    gateway: Record | None = data["gateways"].get(gateway_id)
    if gateway is None or gateway["region"] != region:
        raise not_found("Gateway")
    return gateway


def settle(data: Record, gateway_id: str | None, job: Record) -> None:
    """Make the gateway that a job builds active, or leave it in error; do nothing to one that stands already."""
    gateway = data["gateways"].get(gateway_id)
    if gateway is not None and gateway["status"] == "building":
        gateway["status"] = "error" if jobs.failed(job) else "active"


def _created(data: Record, job: Record) -> None:
    settle(data, job["arguments"].get("gateway_id"), job)


def _deleted(data: Record, job: Record) -> None:
    gateway_id = job["arguments"]["gateway_id"]
    if not jobs.failed(job):
        data["gateways"].pop(gateway_id, None)
    elif gateway_id in data["gateways"]:
        data["gateways"][gateway_id]["status"] = "error"


EFFECTS = {"gateway#create": _created, "network#create": _created, "gateway#delete": _deleted}
ROUTES = (
    Route("GET", "/region/<region>/gateway", _list),
    Route("GET", "/region/<region>/gateway/<gateway_id>", _get),
    Route("PUT", "/region/<region>/gateway/<gateway_id>", _change),
    Route("DELETE", "/region/<region>/gateway/<gateway_id>", _delete),
    Route("POST", "/region/<region>/network", _create_with_network),
    Route("POST", "/region/<region>/network/<openstack_id>/subnet/<subnet_id>/gateway", _create),
)
