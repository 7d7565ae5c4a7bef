"""Addresses that nobody has yet, for the ports of instances and for what else is in a network; MAC addresses."""

from __future__ import annotations

import secrets
import uuid
from ipaddress import IPv4Address, IPv4Network
from itertools import chain
from typing import Any, NamedTuple

from koprogo_fleet.lab.machines import PUBLIC_NETWORK
from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.errors import bad_request
from koprogo_fleet.lab.ovh_api.state import Record


def new_ports(data: Record, region: str, wanted: list[Any] | None, public_subnet: IPv4Network) -> list[Record]:
    """
    Return the ports for the ``networks`` of a request; without any, one public port.

    Raises:
        ApiError: 400, an unknown network, or an address that is not free in its subnet.
    """
    if wanted is None:
        return [_public_port(data, region, public_subnet)]
    ports = []
    for item in wanted:
        if not isinstance(item, dict) or not item.keys() <= {"networkId", "ip"} or "networkId" not in item:
            raise bad_request("networks is a list of {networkId, ip}")
        if item["networkId"] in (catalogue.public_network_id(region), "Ext-Net"):
            if item.get("ip") is not None:
                raise bad_request("An address can only be chosen on a private network")
            ports.append(_public_port(data, region, public_subnet))
        else:
            ports.append(_private_port(data, region, item["networkId"], item.get("ip")))
    return ports


class _Segment(NamedTuple):
    """Where a port is: a network in one region, and its subnet."""

    network_id: str
    openstack_id: str
    subnet_id: str
    cidr: IPv4Network
    gateway: IPv4Address | None


def _public_port(data: Record, region: str, cidr: IPv4Network) -> Record:
    openstack_id = catalogue.public_network_id(region)
    subnet_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, openstack_id))
    segment = _Segment(PUBLIC_NETWORK, openstack_id, subnet_id, cidr, cidr[1])
    return _port(segment, _free(cidr, _taken(data, segment)))


def _private_port(data: Record, region: str, network_id: str, ip: str | None) -> Record:
    for network in data["networks"].values():
        is_there = network["status"] == "ACTIVE" and region not in network.get("building", ())
        if is_there and network_id in (network["id"], network["regions"].get(region)):
            break
    else:
        raise bad_request(f"Network {network_id} not found in region {region}")
    subnets = (item for item in data["subnets"].values() if item["network_id"] == network["id"])
    subnet = next((item for item in subnets if item["region"] == region), None)
    if subnet is None:
        raise bad_request(f"Network {network_id} has no subnet in region {region}")
    gateway = IPv4Address(subnet["gateway"]) if subnet["gateway"] else None
    openstack_id = network["regions"][region]
    segment = _Segment(network["id"], openstack_id, subnet["id"], IPv4Network(subnet["network"]), gateway)
    taken = _taken(data, segment)
    if ip is not None:
        return _port(segment, _chosen(ip, segment.cidr, taken))
    return _port(segment, _free(segment.cidr, taken | _outside_pool(subnet)))


def free_in_subnet(data: Record, subnet: Record, count: int = 1) -> list[str]:
    """
    Return the lowest free addresses of a subnet's pool.

    Raises:
        ApiError: 400, there are not so many.
    """
    cidr = IPv4Network(subnet["network"])
    taken = _taken_in(data, subnet["network_id"]) | _outside_pool(subnet)
    taken |= {IPv4Address(subnet["gateway"])} if subnet["gateway"] else set()
    found = []
    for _ in range(count):
        found.append(_free(cidr, taken))
        taken.add(found[-1])
    return [str(address) for address in found]


def free_public(data: Record, cidr: IPv4Network) -> str:
    """Return the highest free public address: instances take the lowest ones."""
    taken = _taken_in(data, PUBLIC_NETWORK)
    return str(next(host for host in reversed(list(cidr.hosts())) if host not in taken))


def is_used(data: Record, key: str, value: str) -> bool:
    """Whether an instance, a gateway or a load balancer is in the network (*key* "network_id") or "subnet_id"."""
    return any(user[key] == value for user in _users(data))


def _users(data: Record) -> chain[Record]:
    """Return whatever has addresses in networks: ports of instances, interfaces of gateways, load balancers."""
    ports = (port for instance in data["instances"].values() for port in instance["ports"])
    interfaces = (interface for gateway in data["gateways"].values() for interface in gateway["interfaces"])
    return chain(ports, interfaces, data["load_balancers"].values())


def _taken_in(data: Record, network_id: str) -> set[IPv4Address]:
    users = [user for user in _users(data) if user["network_id"] == network_id]
    taken = {address for user in users for address in user.get("addresses", (user["ip"],))}
    if network_id == PUBLIC_NETWORK:
        taken |= {floating["ip"] for floating in data["floating_ips"].values()}
        taken |= {gateway["external_ip"] for gateway in data["gateways"].values() if gateway["external_ip"]}
    return {IPv4Address(address) for address in taken}


def _outside_pool(subnet: Record) -> set[IPv4Address]:
    start, end = IPv4Address(subnet["start"]), IPv4Address(subnet["end"])
    return {host for host in IPv4Network(subnet["network"]).hosts() if not start <= host <= end}


def _chosen(ip: str, cidr: IPv4Network, taken: set[IPv4Address]) -> IPv4Address:
    try:
        address = IPv4Address(ip)
    except ValueError:
        raise bad_request(f"Invalid IP address {ip}") from None
    if address not in cidr:
        raise bad_request(f"IP address {address} is not in subnet {cidr}")
    if address in taken:
        raise bad_request(f"IP address {address} is already in use")
    return address


def _free(cidr: IPv4Network, taken: set[IPv4Address]) -> IPv4Address:
    address = next((host for host in cidr.hosts() if host not in taken), None)
    if address is None:
        raise bad_request(f"No more IP addresses in {cidr}")
    return address


def _taken(data: Record, segment: _Segment) -> set[IPv4Address]:
    return _taken_in(data, segment.network_id) | ({segment.gateway} if segment.gateway else set())


def _port(segment: _Segment, address: IPv4Address) -> Record:
    return {
        "id": str(uuid.uuid4()),
        "network_id": segment.network_id,
        "openstack_id": segment.openstack_id,
        "subnet_id": segment.subnet_id,
        "mac": ":".join(["fa", "16", "3e", *(f"{byte:02x}" for byte in secrets.token_bytes(3))]),
        "ip": str(address),
        "prefix_length": segment.cidr.prefixlen,
        "gateway": str(segment.gateway) if segment.gateway else None,
    }
