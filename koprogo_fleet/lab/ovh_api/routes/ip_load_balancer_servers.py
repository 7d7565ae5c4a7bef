"""Servers of the farms of the classic IP Load Balancer, for TCP and HTTP."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address
from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, not_found
from koprogo_fleet.lab.ovh_api.routes.ip_load_balancers import changed, find_part, find_service, with_defaults
from koprogo_fleet.lab.ovh_api.state import Record, next_number

_PROXY_PROTOCOLS = ("v1", "v2", "v2-ssl", "v2-ssl-cn")
_SERVER = {
    "status": str,
    "displayName": str,
    "port": int,
    "weight": int,
    "probe": bool,
    "ssl": bool,
    "backup": bool,
    "chain": str,
    "onMarkedDown": str,
    "proxyProtocolVersion": str,
}


def _server_shape(service: Record, server: Record) -> dict[str, Any]:
    """Return a server; its state is known once a refresh has put it in force."""
    is_live = any(item["id"] == server["id"] for live in service["live"].values() for item in live["servers"])
    status = "UP" if server["fields"]["probe"] else "no check"
    state = {"instanceId": 1, "status": status, "checkCode": None, "checkStatus": None, "checkTime": None}
    cookie = {"cookie": server["cookie"]} if server["kind"] == "http" else {}
    return {
        "serverId": server["id"],
        "backendId": server["farm_id"],
        "address": server["address"],
        "serverState": [{**state, "lastCheckContent": None}] if is_live else [],
        **server["fields"],
        **cookie,
    }


def _check_server(body: Record) -> None:
    if body.get("status") not in ("active", "inactive"):
        raise bad_request("status must be active or inactive")
    if body.get("proxyProtocolVersion", "v1") not in _PROXY_PROTOCOLS:
        raise bad_request(f"Invalid proxyProtocolVersion {body['proxyProtocolVersion']}")


def _servers(call: Call, service_name: str, kind: str, farm_id: int) -> Any:
    with call.state.look() as data:
        service = find_service(data, service_name)
        find_part(service, "farms", kind, farm_id)
        servers = [server for server in service["servers"].values() if server["farm_id"] == farm_id]
        if "address" in call.query:
            servers = [server for server in servers if server["address"] == call.query["address"]]
        if "status" in call.query:
            servers = [server for server in servers if server["fields"]["status"] == call.query["status"]]
        return [server["id"] for server in servers]


def _create_server(call: Call, service_name: str, kind: str, farm_id: int) -> Any:
    body = call.fields({"address": str, "status": str}, {**_SERVER, **({"cookie": str} if kind == "http" else {})})
    _check_server(body)
    try:
        address = str(IPv4Address(body["address"]))
    except AddressValueError:
        raise bad_request(f"Invalid address {body['address']}") from None
    with call.state.change() as data:
        service = find_service(data, service_name)
        farm = find_part(service, "farms", kind, farm_id)
        server = {
            "id": next_number(data),
            "kind": kind,
            "farm_id": farm_id,
            "address": address,
            "cookie": body.get("cookie"),
            "fields": with_defaults(_SERVER, body),
        }
        service["servers"][str(server["id"])] = server
        changed(service, farm["zone"])
        return _server_shape(service, server)


def _get_server(call: Call, service_name: str, kind: str, farm_id: int, server_id: int) -> Any:
    with call.state.look() as data:
        service = find_service(data, service_name)
        return _server_shape(service, _find_server(service, kind, farm_id, server_id))


def _change_server(call: Call, service_name: str, kind: str, farm_id: int, server_id: int) -> None:
    read_only = {"address": str, "serverId": int, "backendId": int, "serverState": list, "cookie": str}
    body = call.fields({"status": str}, {**_SERVER, **read_only})
    _check_server(body)
    with call.state.change() as data:
        service = find_service(data, service_name)
        server = _find_server(service, kind, farm_id, server_id)
        server.update(fields=with_defaults(_SERVER, body), cookie=body.get("cookie"))
        changed(service, find_part(service, "farms", kind, farm_id)["zone"])


def _delete_server(call: Call, service_name: str, kind: str, farm_id: int, server_id: int) -> None:
    with call.state.change() as data:
        service = find_service(data, service_name)
        _find_server(service, kind, farm_id, server_id)
        del service["servers"][str(server_id)]
        changed(service, find_part(service, "farms", kind, farm_id)["zone"])


def _find_server(service: Record, kind: str, farm_id: int, server_id: int) -> Record:
    server = find_part(service, "servers", kind, server_id)
    if server["farm_id"] != farm_id:
        raise not_found("Server")
    return server


_PATH = "/ipLoadbalancing/<service_name>/<any(tcp,http):kind>/farm/<int:farm_id>/server"
_SERVER_PATH = f"{_PATH}/<int:server_id>"
ROUTES = (
    Route("GET", _PATH, _servers),
    Route("POST", _PATH, _create_server),
    Route("GET", _SERVER_PATH, _get_server),
    Route("PUT", _SERVER_PATH, _change_server),
    Route("DELETE", _SERVER_PATH, _delete_server),
)
