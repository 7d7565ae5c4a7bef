"""
Services that one has ordered at OVH, which no API call makes: a test adds them to the state.

Over HTTP, from this machine only: ``POST /lab/services`` with ``{"kind": "dedicated-server", "name": …}``, or
``{"kind": "ip-load-balancer", …}`` or ``{"kind": "vrack", …}``; the other fields are the functions' parameters.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from typing import Any

from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict
from koprogo_fleet.lab.ovh_api.state import Record, State, new_vrack, next_number


def add(state: State, body: Any) -> Record:
    """
    Add the service that a request describes.

    Raises:
        ApiError: 400, it describes none; 409, the name is taken.
    """
    if not isinstance(body, dict) or body.get("kind") not in _KINDS:
        raise bad_request(f"kind is one of {', '.join(_KINDS)}")
    arguments = {name: value for name, value in body.items() if name != "kind"}
    try:
        return _KINDS[body["kind"]](state, **arguments)
    except (TypeError, ValueError) as error:
        raise bad_request(str(error)) from None


def add_dedicated_server(  # noqa: PLR0913 - what a server is, by name
    state: State,
    name: str,
    ip: str,
    *,
    public_mac: str,
    vrack_mac: str,
    datacenter: str = "gra2",
    is_legacy: bool = False,
) -> Record:
    """
    Add a dedicated server with one public NIC, and one for a vRack.

    Args:
        state: what exists.
        name: such as ``ns123456.ip-198-51-100.eu``.
        ip: its public address.
        public_mac: of its first NIC.
        vrack_mac: of its second NIC; how the node finds it.
        datacenter: in lower case and with a number.
        is_legacy: it is attached to a vRack as a whole, and not by its virtual network interface.

    Raises:
        ApiError: 409, the name is taken.
        ValueError: *ip* is no address.
    """
    interfaces = [
        {"uuid": str(uuid.uuid4()), "name": mode, "mode": mode, "macs": [mac.lower()], "vrack": None}
        for mode, mac in (("public", public_mac), ("vrack", vrack_mac))
    ]
    server: Record = {
        "name": name,
        "ip": str(IPv4Address(ip)),
        "datacenter": datacenter,
        "interfaces": interfaces,
        "is_legacy": is_legacy,
    }
    with state.change() as data:
        _check_free(data["dedicated_servers"], name)
        server["server_id"] = next_number(data)
        data["dedicated_servers"][name] = server
    return server


def add_ip_load_balancer(state: State, name: str, ipv4: str, zones: Sequence[str] = ("gra",)) -> Record:
    """
    Add an IP Load Balancer such as ``loadbalancer-0123456789abcdef``, with nothing behind it.

    Raises:
        ApiError: 409, the name is taken.
        ValueError: *ipv4* is no address.
    """
    service: Record = {
        "name": name,
        "display_name": None,
        "ipv4": str(IPv4Address(ipv4)),
        "zones": list(zones),
        "vrack": None,
        "farms": {},
        "servers": {},
        "frontends": {},
        "networks": {},
        "pending": dict.fromkeys(zones, 0),
        "live": {},
    }
    with state.change() as data:
        _check_free(data["ip_load_balancers"], name)
        data["ip_load_balancers"][name] = service
    return service


def add_vrack(state: State, name: str) -> Record:
    """
    Add an empty vRack such as ``pn-000002``.

    Raises:
        ApiError: 409, the name is taken.
    """
    with state.change() as data:
        _check_free(data["vracks"], name)
        vrack = new_vrack(name, name)
        data["vracks"][name] = vrack
    return vrack


def _check_free(collection: Record, name: str) -> None:
    if name in collection:
        raise conflict(f"There is a {name} already")


_KINDS: dict[str, Callable[..., Record]] = {
    "dedicated-server": add_dedicated_server,
    "ip-load-balancer": add_ip_load_balancer,
    "vrack": add_vrack,
}
