"""Octavia load balancers: flavors, and the balancers themselves. A balancer's listeners are not part of its answer."""

from __future__ import annotations

import uuid
from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue, jobs, octavia, octavia_parts
from koprogo_fleet.lab.ovh_api.addresses import free_in_subnet
from koprogo_fleet.lab.ovh_api.calls import Call, Route, checked
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region
from koprogo_fleet.lab.ovh_api.routes.floating_ips import (
    LOAD_BALANCER,
    associated,
    find_gateway,
    lead_to,
    new_floating_ip,
)
from koprogo_fleet.lab.ovh_api.routes.gateways import settle as settle_gateway
from koprogo_fleet.lab.ovh_api.routes.load_balancer_shapes import operating
from koprogo_fleet.lab.ovh_api.routes.operations import shape as operation
from koprogo_fleet.lab.ovh_api.state import Record

_ADDRESSES = 3  # of the subnet, for each load balancer (OVH's "known limits")
_LISTENER = {
    "name": str,
    "description": str,
    "allowedCidrs": list,
    "secretId": str,
    "timeoutClientData": int,
    "timeoutMemberData": int,
    "tlsVersions": list,
    "pool": dict,
}
_POOL = {"name": str, "members": list, "healthMonitor": dict, "sessionPersistence": dict}
MONITOR = {"name": str, "monitorType": str, "delay": int, "timeout": int, "maxRetries": int}
MONITOR_OPTIONAL = {"maxRetriesDown": int, "httpConfiguration": dict}


def _shape(data: Record, balancer: Record) -> dict[str, Any]:
    floating = next((item for item in data["floating_ips"].values() if _leads_to(item, balancer["id"])), None)
    well = operating(data, [pool["id"] for pool in data["pools"].values() if pool["balancer_id"] == balancer["id"]])
    return {
        "id": balancer["id"],
        "name": balancer["name"],
        "region": balancer["region"],
        "flavorId": balancer["flavor_id"],
        "vipAddress": balancer["addresses"][0],
        "vipNetworkId": balancer["openstack_id"],
        "vipSubnetId": balancer["subnet_id"],
        "floatingIp": {"id": floating["id"], "ip": floating["ip"]} if floating else None,
        "operatingStatus": {"active": well, "updating": well, "error": "error"}.get(balancer["status"], "offline"),
        "provisioningStatus": balancer["status"],
        "createdAt": jobs.moment(balancer["created"]),
        "updatedAt": jobs.moment(balancer["updated"]),
    }


def _leads_to(floating: Record, balancer_id: str) -> bool:
    return bool(floating["status"] == "active" and floating["entity"] and floating["entity"]["id"] == balancer_id)


def _flavors(_call: Call, region: str) -> list[dict[str, Any]]:
    check_region(region)
    return [
        {"id": catalogue.flavor_id(region, name, "loadbalancer"), "name": name, "region": region}
        for name in catalogue.LOAD_BALANCER_SIZES
    ]


def _flavor(call: Call, region: str, flavor_id: str) -> Any:
    for flavor in _flavors(call, region):
        if flavor["id"] == flavor_id:
            return flavor
    raise not_found("Flavor")


def _check_flavor(call: Call, region: str, flavor_id: str) -> None:
    if not any(flavor["id"] == flavor_id for flavor in _flavors(call, region)):
        raise bad_request(f"Flavor {flavor_id} not found in region {region}")


def _list(call: Call, region: str) -> Any:
    check_region(region)
    with call.state.look() as data:
        return [_shape(data, item) for item in data["load_balancers"].values() if item["region"] == region]


def _get(call: Call, region: str, balancer_id: str) -> Any:
    with call.state.look() as data:
        return _shape(data, _find(data, region, balancer_id))


def _create(call: Call, region: str) -> Any:
    check_region(region)
    body = call.fields({"name": str, "flavorId": str, "network": dict}, {"listeners": list})
    _check_flavor(call, region, body["flavorId"])
    optional = dict.fromkeys(("floatingIp", "floatingIpCreate", "gateway", "gatewayCreate"), dict)
    private = checked(checked(body["network"], {"private": dict})["private"], {"network": dict}, optional)
    place = checked(private["network"], {"id": str, "subnetId": str})
    with call.state.change() as data:
        subnet = data["subnets"].get(place["subnetId"])
        if subnet is None or data["networks"][subnet["network_id"]]["regions"].get(region) != place["id"]:
            raise bad_request(f"Subnet {place['subnetId']} not found in network {place['id']} of region {region}")
        addresses = free_in_subnet(data, subnet, _ADDRESSES)
        balancer: Record = {
            "id": str(uuid.uuid4()),
            "name": body["name"],
            "description": "",
            "region": region,
            "flavor_id": body["flavorId"],
            "wanted_flavor_id": body["flavorId"],
            "network_id": subnet["network_id"],
            "openstack_id": place["id"],
            "subnet_id": subnet["id"],
            "ip": addresses[0],
            "addresses": addresses,
            "status": "creating",
            "created": call.now,
            "updated": call.now,
        }
        data["load_balancers"][balancer["id"]] = balancer
        for listener in body.get("listeners", ()):
            _create_listener(data, balancer, listener)
        arguments = {"balancer_id": balancer["id"], **_create_floating_ip(call, data, balancer, private)}
        kind, action = jobs.OPERATION, "loadbalancer#create"
        return operation(jobs.start(call, data, kind, action, arguments, owner=region, resource_id=balancer["id"]))


def _create_listener(data: Record, balancer: Record, wanted: Any) -> None:
    body = checked(wanted, {"port": int, "protocol": str}, _LISTENER)
    pool = None
    if "pool" in body:
        pool_body = checked(body["pool"], {"algorithm": str, "protocol": str}, _POOL)
        pool = octavia_parts.new_pool(data, balancer, pool_body)
        for member in pool_body.get("members", ()):
            octavia_parts.new_member(data, pool, member)
        if "healthMonitor" in pool_body:
            octavia_parts.new_monitor(data, pool, checked(pool_body["healthMonitor"], MONITOR, MONITOR_OPTIONAL))
    octavia_parts.new_listener(data, balancer, body, pool)


def _create_floating_ip(call: Call, data: Record, balancer: Record, private: Record) -> Record:
    if "floatingIp" in private:
        floating_id = checked(private["floatingIp"], {"id": str})["id"]
        floating = data["floating_ips"].get(floating_id)
        if floating is None or floating["region"] != balancer["region"]:
            raise bad_request(f"Floating IP {floating_id} not found")
    elif "floatingIpCreate" in private:
        checked(private["floatingIpCreate"], {}, {"description": str})
        floating = new_floating_ip(call, data, balancer["region"])
    else:
        return {}
    gateway = find_gateway(call, data, balancer["subnet_id"], private.get("gatewayCreate"))
    if "gateway" in private and checked(private["gateway"], {"id": str})["id"] != gateway["id"]:
        raise bad_request(f"Gateway {private['gateway']['id']} is not in subnet {balancer['subnet_id']}")
    lead_to(floating, gateway, LOAD_BALANCER, balancer["id"], balancer["ip"])
    return {"floating_ip_id": floating["id"], "gateway_id": gateway["id"]}


def _change(call: Call, region: str, balancer_id: str) -> Any:
    body = call.fields({}, {"name": str, "description": str, "flavorId": str})
    if "flavorId" in body:
        _check_flavor(call, region, body["flavorId"])
    with call.state.change() as data:
        balancer = _find(data, region, balancer_id)
        octavia.change(call, data, balancer_id)
        balancer["wanted_flavor_id"] = body.pop("flavorId", balancer["flavor_id"])
        balancer.update(body)
        return _shape(data, balancer)


def _delete(call: Call, region: str, balancer_id: str) -> None:
    """
    Delete a balancer with its parts, as OVH does.

    The Terraform provider deletes one that it created with listeners by this call alone.
    """
    with call.state.change() as data:
        balancer = _find(data, region, balancer_id)
        if balancer["status"] not in ("active", "error"):
            raise conflict(f"Load Balancer {balancer_id} is immutable and cannot be updated.")
        balancer["status"] = "deleting"
        jobs.start(call, data, jobs.SILENT, "loadbalancer#delete", {"balancer_id": balancer_id}, owner=region)


def _stats(call: Call, region: str, balancer_id: str) -> Any:
    with call.state.look() as data:
        _find(data, region, balancer_id)
    return dict.fromkeys(("activeConnections", "bytesIn", "bytesOut", "requestErrors", "totalConnections"), 0)


def _find(data: Record, region: str, balancer_id: str) -> Record:
    return octavia.find(data, "load_balancers", "Load balancer", region, balancer_id)


def _created(data: Record, job: Record) -> None:
    arguments = job["arguments"]
    octavia.settle(data, arguments["balancer_id"], job)
    if "floating_ip_id" in arguments:
        settle_gateway(data, arguments["gateway_id"], job)
        associated(data, arguments["floating_ip_id"], job)


def _settled(data: Record, job: Record) -> None:
    octavia.settle(data, job["arguments"]["balancer_id"], job)


def _deleted(data: Record, job: Record) -> None:
    if jobs.failed(job):
        octavia.settle(data, job["arguments"]["balancer_id"], job)
    else:
        octavia.forget(data, job["arguments"]["balancer_id"])


EFFECTS = {"loadbalancer#create": _created, "loadbalancer#settle": _settled, "loadbalancer#delete": _deleted}
_PATH = "/region/<region>/loadbalancing"
ROUTES = (
    Route("GET", f"{_PATH}/flavor", _flavors),
    Route("GET", f"{_PATH}/flavor/<flavor_id>", _flavor),
    Route("GET", f"{_PATH}/loadbalancer", _list),
    Route("POST", f"{_PATH}/loadbalancer", _create),
    Route("GET", f"{_PATH}/loadbalancer/<balancer_id>", _get),
    Route("PUT", f"{_PATH}/loadbalancer/<balancer_id>", _change),
    Route("DELETE", f"{_PATH}/loadbalancer/<balancer_id>", _delete),
    Route("GET", f"{_PATH}/loadbalancer/<balancer_id>/stats", _stats),
)
