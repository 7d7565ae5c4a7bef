"""
Floating IPs: public addresses that lead through a gateway to an instance or a load balancer.

There is no call that creates one alone: it is created on what it is for.
"""

from __future__ import annotations

import uuid
from typing import Any

from koprogo_fleet.lab.machines import PUBLIC_NETWORK
from koprogo_fleet.lab.ovh_api import catalogue, jobs
from koprogo_fleet.lab.ovh_api.addresses import free_public
from koprogo_fleet.lab.ovh_api.calls import Call, Route, checked
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region
from koprogo_fleet.lab.ovh_api.routes.gateways import gateway_of, new_gateway, settle
from koprogo_fleet.lab.ovh_api.routes.operations import shape as operation
from koprogo_fleet.lab.ovh_api.state import Record

INSTANCE = "instance"
LOAD_BALANCER = "loadbalancer"


def _shape(floating: Record) -> dict[str, Any]:
    entity = floating["entity"] if floating["status"] == "active" else None
    return {
        "id": floating["id"],
        "ip": floating["ip"],
        "networkId": catalogue.public_network_id(floating["region"]),
        "region": floating["region"],
        "status": floating["status"],
        "associatedEntity": {
            "id": entity["id"],
            "ip": entity["ip"],
            "gatewayId": entity["gateway_id"],
            "type": entity["type"],
        }
        if entity
        else None,
    }


def new_floating_ip(call: Call, data: Record, region: str) -> Record:
    """Add a floating IP that leads nowhere yet to the state."""
    floating = {
        "id": str(uuid.uuid4()),
        "ip": free_public(data, call.machines.public_subnet),
        "region": region,
        "status": "down",
        "entity": None,
    }
    data["floating_ips"][floating["id"]] = floating
    return floating


def find_gateway(call: Call, data: Record, subnet_id: str, wanted: Any) -> Record:
    """
    Return the gateway of the subnet, or a new one as the request wants it (``{model, name}``).

    Raises:
        ApiError: 400, there is none, and none is wanted.
    """
    gateway = gateway_of(data, subnet_id)
    if gateway is not None:
        return gateway
    if wanted is None:
        raise bad_request(f"Subnet {subnet_id} has no gateway")
    body = checked(wanted, {"name": str, "model": str})
    return new_gateway(call, data, data["subnets"][subnet_id], body["name"], body["model"])


def lead_to(floating: Record, gateway: Record, kind: str, entity_id: str, ip: str) -> None:
    """
    Let the floating IP lead to *ip* of an instance or load balancer, once the operation is done.

    Raises:
        ApiError: 409, it leads elsewhere.
    """
    if floating["entity"] is not None:
        raise conflict(f"Floating IP {floating['id']} is already associated")
    floating["entity"] = {"id": entity_id, "ip": ip, "gateway_id": gateway["id"], "type": kind}


def _list(call: Call, region: str) -> Any:
    check_region(region)
    with call.state.look() as data:
        return [_shape(item) for item in data["floating_ips"].values() if item["region"] == region]


def _get(call: Call, region: str, floating_ip_id: str) -> Any:
    with call.state.look() as data:
        return _shape(_record(data, region, floating_ip_id))


def _delete(call: Call, region: str, floating_ip_id: str) -> None:
    with call.state.change() as data:
        _record(data, region, floating_ip_id)
        del data["floating_ips"][floating_ip_id]


def _detach(call: Call, region: str, floating_ip_id: str) -> None:
    with call.state.change() as data:
        floating = _record(data, region, floating_ip_id)
        if floating["entity"] is None:
            raise bad_request(f"Floating IP {floating_ip_id} is not associated")
        floating.update(entity=None, status="down")


def _record(data: Record, region: str, floating_ip_id: str) -> Record:
    floating: Record | None = data["floating_ips"].get(floating_ip_id)
    if floating is None or floating["region"] != region:
        raise not_found("Floating IP")
    return floating


def _for_instance(call: Call, region: str, instance_id: str) -> Any:
    check_region(region)
    body = call.fields({"ip": str}, {"gateway": dict})
    return _associate(call, region, _instance_port(call, region, instance_id, body["ip"]), body)


def _existing_for_instance(call: Call, region: str, instance_id: str) -> Any:
    check_region(region)
    body = call.fields({"floatingIpId": str, "ip": str}, {"gateway": dict})
    return _associate(call, region, _instance_port(call, region, instance_id, body["ip"]), body)


def _instance_port(call: Call, region: str, instance_id: str, ip: str) -> Record:
    with call.state.look() as data:
        instance = data["instances"].get(instance_id)
        if instance is None or instance["region"] != region:
            raise not_found("Instance")
        ports = (port for port in instance["ports"] if port["network_id"] != PUBLIC_NETWORK)
        port = next((port for port in ports if port["ip"] == ip), None)
        if port is None:
            raise bad_request(f"Instance {instance_id} has no private address {ip}")
        return {"id": instance_id, "type": INSTANCE, "ip": ip, "subnet_id": port["subnet_id"]}


def _for_load_balancer(call: Call, region: str, balancer_id: str) -> Any:
    check_region(region)
    body = call.fields({"ip": str}, {"gateway": dict})
    return _associate(call, region, _load_balancer(call, region, balancer_id, body["ip"]), body)


def _existing_for_load_balancer(call: Call, region: str, balancer_id: str) -> Any:
    check_region(region)
    body = call.fields({"floatingIpId": str, "ip": str}, {"gateway": dict})
    return _associate(call, region, _load_balancer(call, region, balancer_id, body["ip"]), body)


def _load_balancer(call: Call, region: str, balancer_id: str, ip: str) -> Record:
    with call.state.look() as data:
        balancer = data["load_balancers"].get(balancer_id)
        if balancer is None or balancer["region"] != region:
            raise not_found("Load balancer")
        if ip != balancer["addresses"][0]:
            raise bad_request(f"Load balancer {balancer_id} has no address {ip}")
        return {"id": balancer_id, "type": LOAD_BALANCER, "ip": ip, "subnet_id": balancer["subnet_id"]}


def _associate(call: Call, region: str, target: Record, body: Record) -> Any:
    with call.state.change() as data:
        gateway = find_gateway(call, data, target["subnet_id"], body.get("gateway"))
        entities = (item["entity"] for item in data["floating_ips"].values())
        if any(entity and (entity["id"], entity["ip"]) == (target["id"], target["ip"]) for entity in entities):
            raise conflict(f"{target['ip']} already has a floating IP")
        if "floatingIpId" in body:
            floating, action = _record(data, region, body["floatingIpId"]), "floatingip#associate"
        else:
            floating, action = new_floating_ip(call, data, region), "floatingip#create"
        lead_to(floating, gateway, target["type"], target["id"], target["ip"])
        arguments = {"floating_ip_id": floating["id"], "gateway_id": gateway["id"]}
        return operation(
            jobs.start(
                call, data, jobs.OPERATION, action, arguments, owner=region, resource_id=arguments["floating_ip_id"]
            )
        )


def associated(data: Record, floating_ip_id: str, job: Record) -> None:
    """Let the floating IP of a job lead where it shall, or be in error; deleted meanwhile, it stays so."""
    floating = data["floating_ips"].get(floating_ip_id)
    if floating is not None and floating["entity"] is not None:
        floating["status"] = "error" if jobs.failed(job) else "active"


def _associated(data: Record, job: Record) -> None:
    settle(data, job["arguments"]["gateway_id"], job)
    associated(data, job["arguments"]["floating_ip_id"], job)


EFFECTS = {"floatingip#create": _associated, "floatingip#associate": _associated}
_LOAD_BALANCER = "/region/<region>/loadbalancing/loadbalancer/<balancer_id>"
ROUTES = (
    Route("GET", "/region/<region>/floatingip", _list),
    Route("GET", "/region/<region>/floatingip/<floating_ip_id>", _get),
    Route("DELETE", "/region/<region>/floatingip/<floating_ip_id>", _delete),
    Route("POST", "/region/<region>/floatingip/<floating_ip_id>/detach", _detach),
    Route("POST", "/region/<region>/instance/<instance_id>/floatingIp", _for_instance),
    Route("POST", "/region/<region>/instance/<instance_id>/associateFloatingIp", _existing_for_instance),
    Route("POST", f"{_LOAD_BALANCER}/floatingIp", _for_load_balancer),
    Route("POST", f"{_LOAD_BALANCER}/associateFloatingIp", _existing_for_load_balancer),
)
