"""The vRack side of the classic IP Load Balancer: the private networks of its farms. A service must be in a vRack."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.routes.ip_load_balancers import changed, find_service
from koprogo_fleet.lab.ovh_api.state import Record, next_number

_MAX_VLAN = 4095
_MIN_NAT_IPS = 2


def _vrack_status(call: Call, service_name: str) -> Any:
    with call.state.look() as data:
        vrack = find_service(data, service_name)["vrack"]
    return {"state": "active" if vrack else "inactive", "task": [], "vrackName": vrack}


def _vrack_rules(call: Call, service_name: str) -> Any:
    with call.state.look() as data:
        service = find_service(data, service_name)
        left = 10 - len(service["networks"])
        return {"minNatIps": _MIN_NAT_IPS, "remainingNetworks": left, "vrackName": service["vrack"]}


def _network_shape(service: Record, network: Record) -> dict[str, Any]:
    farms = [farm for farm in service["farms"].values() if farm["fields"]["vrackNetworkId"] == network["id"]]
    return {
        "vrackNetworkId": network["id"],
        "displayName": network["name"],
        "subnet": network["subnet"],
        "natIp": network["nat_ip"],
        "vlan": network["vlan"],
        "farmId": [{"id": farm["id"], "type": farm["kind"]} for farm in farms],
    }


def _networks(call: Call, service_name: str) -> Any:
    with call.state.look() as data:
        networks = find_service(data, service_name)["networks"].values()
        for name, kind in (("subnet", str), ("vlan", int)):
            if name in call.query:
                networks = [network for network in networks if network[name] == kind(call.query[name])]
        return [network["id"] for network in networks]


def _create_network(call: Call, service_name: str) -> Any:
    body = call.fields({"subnet": str, "natIp": str}, {"vlan": int, "displayName": str, "farmId": list})
    try:
        subnet, nat_ip = IPv4Network(body["subnet"]), IPv4Network(body["natIp"])
    except ValueError as error:
        raise bad_request(str(error)) from None
    if not nat_ip.subnet_of(subnet) or nat_ip.num_addresses < _MIN_NAT_IPS:
        raise bad_request(f"natIp must be a block of at least {_MIN_NAT_IPS} addresses of {subnet}")
    if not 0 <= body.get("vlan", 0) <= _MAX_VLAN:
        raise bad_request("vlan must be between 0 and 4095")
    with call.state.change() as data:
        service = find_service(data, service_name)
        if service["vrack"] is None:
            raise bad_request("This IP Load Balancer is not in a vRack")
        network = {
            "id": next_number(data),
            "name": body.get("displayName"),
            "subnet": str(subnet),
            "nat_ip": str(nat_ip),
            "vlan": body.get("vlan", 0),
        }
        service["networks"][str(network["id"])] = network
        _lead_farms(service, network["id"], body.get("farmId", []))
        return _network_shape(service, network)


def _get_network(call: Call, service_name: str, network_id: int) -> Any:
    with call.state.look() as data:
        service = find_service(data, service_name)
        return _network_shape(service, _find_network(service, network_id))


def _delete_network(call: Call, service_name: str, network_id: int) -> None:
    with call.state.change() as data:
        service = find_service(data, service_name)
        if _network_shape(service, _find_network(service, network_id))["farmId"]:
            raise conflict(f"Network {network_id} is used by a farm")
        del service["networks"][str(network_id)]


def _update_farms(call: Call, service_name: str, network_id: int) -> Any:
    farm_ids = call.fields({"farmId": list})["farmId"]
    with call.state.change() as data:
        service = find_service(data, service_name)
        network = _find_network(service, network_id)
        _lead_farms(service, network_id, farm_ids)
        return _network_shape(service, network)


def _lead_farms(service: Record, network_id: int, farm_ids: list[int]) -> None:
    for farm_id in farm_ids:
        if str(farm_id) not in service["farms"]:
            raise bad_request(f"Farm {farm_id} not found")
    for farm in service["farms"].values():
        wanted = network_id if farm["id"] in farm_ids else None
        if farm["fields"]["vrackNetworkId"] in (None, network_id) and farm["fields"]["vrackNetworkId"] != wanted:
            farm["fields"]["vrackNetworkId"] = wanted
            changed(service, farm["zone"])


def _find_network(service: Record, network_id: int) -> Record:
    network: Record | None = service["networks"].get(str(network_id))
    if network is None:
        raise not_found("Network")
    return network


_PATH = "/ipLoadbalancing/<service_name>"
_NETWORK = f"{_PATH}/vrack/network/<int:network_id>"
ROUTES = (
    Route("GET", f"{_PATH}/vrack/status", _vrack_status),
    Route("GET", f"{_PATH}/vrack/networkCreationRules", _vrack_rules),
    Route("GET", f"{_PATH}/vrack/network", _networks),
    Route("POST", f"{_PATH}/vrack/network", _create_network),
    Route("GET", _NETWORK, _get_network),
    Route("DELETE", _NETWORK, _delete_network),
    Route("POST", f"{_NETWORK}/updateFarmId", _update_farms),
)
