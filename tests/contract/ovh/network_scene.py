"""What tests of the network begin with: a network of two kinds of subnet, a gateway, a load balancer, owned services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from emulated_cloud import Cloud, until

from koprogo_fleet.lab.ovh_api import owned
from koprogo_fleet.ovh import gateways, load_balancers, networks, operations
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.load_balancer_parts import (
    PROXY_V2,
    TCP,
    NewListener,
    NewMember,
    NewMonitor,
    NewPool,
)

REGION = "GRA11"
CIDR = IPv4Network("10.0.0.0/24")
POOL = (IPv4Address("10.0.0.200"), IPv4Address("10.0.0.250"))
SERVER = "ns123456.ip-198-51-100.eu"
VRACK_MAC = "0c:42:a1:00:00:02"
BALANCER = "loadbalancer-0123456789abcdef"


@dataclass(frozen=True)
class Place:
    """A private network in a region, and its subnet."""

    network: networks.PrivateNetwork
    openstack_id: str
    subnet_id: str


def a_place(api: OvhApi, vlan: int = 42, *, with_gateway: bool = True) -> Place:
    """Return a network whose subnet keeps OVH's own addresses apart."""
    network = networks.create_private_network(api, "vrack", vlan, REGION)
    until(lambda: networks.get_private_network(api, network.id).is_active_in(REGION))
    network = networks.get_private_network(api, network.id)
    subnet = networks.create_subnet(api, network.id, CIDR, REGION, pool=POOL, with_gateway=with_gateway)
    return Place(network, network.openstack_id_in(REGION), subnet.id)


def done(api: OvhApi, operation: operations.Operation) -> operations.Operation:
    """Wait for an operation that succeeds."""
    until(lambda: operations.get_operation(api, operation.id).status == operations.COMPLETED)
    return operations.get_operation(api, operation.id)


def a_gateway(api: OvhApi, place: Place) -> gateways.Gateway:
    """Return an active gateway."""
    operation = gateways.create_gateway(api, REGION, place.openstack_id, place.subnet_id, "koprogo", "s")
    made = done(api, operation).made(gateways.CREATED)
    assert made is not None
    return gateways.get_gateway(api, REGION, made)


def the_seeds_listeners() -> tuple[NewListener, ...]:
    """Return ports 80 and 443, each with a pool of two workers, the second with the PROXY protocol."""
    workers = [IPv4Address("10.0.0.21"), IPv4Address("10.0.0.22")]

    def listener(name: str, port: int, node_port: int, protocol: str) -> NewListener:
        members = tuple(NewMember(worker, node_port, f"worker-{worker}") for worker in workers)
        pool = NewPool(f"{name}-pool", protocol, members=members, monitor=NewMonitor(f"{name}-monitor"))
        return NewListener(name, TCP, port, pool)

    return (listener("http", 80, 30080, TCP), listener("https", 443, 30443, PROXY_V2))


def a_new_load_balancer(api: OvhApi, place: Place, **changes: object) -> load_balancers.NewLoadBalancer:
    """Return what the seed's load balancer is created from."""
    flavor = next(item for item in load_balancers.list_flavors(api, REGION) if item.name == "small")
    fields = {
        "name": "koprogo-lb",
        "region": REGION,
        "flavor_id": flavor.id,
        "network_id": place.openstack_id,
        "subnet_id": place.subnet_id,
        "listeners": the_seeds_listeners(),
        **changes,
    }
    return load_balancers.NewLoadBalancer(**fields)  # type: ignore[arg-type]


def a_load_balancer(api: OvhApi, place: Place, **changes: object) -> load_balancers.LoadBalancer:
    """Return an active load balancer."""
    made = done(api, load_balancers.create_load_balancer(api, a_new_load_balancer(api, place, **changes))).resource_id
    assert made is not None
    return load_balancers.get_load_balancer(api, REGION, made)


def settled(api: OvhApi, load_balancer_id: str) -> None:
    """Wait until a load balancer takes the next change."""
    until(lambda: load_balancers.get_load_balancer(api, REGION, load_balancer_id).status == load_balancers.ACTIVE)


def until_gone(look: Callable[[], tuple[object, ...]]) -> None:
    """Wait until nothing is listed."""
    until(lambda: look() == ())


def add_server(cloud: Cloud, *, is_legacy: bool = False) -> None:
    """Give the account a dedicated server."""
    macs = {"public_mac": "0C:42:A1:00:00:01", "vrack_mac": VRACK_MAC.upper()}
    owned.add_dedicated_server(cloud.state, SERVER, "198.51.100.7", is_legacy=is_legacy, **macs)


def add_ip_load_balancer(cloud: Cloud) -> None:
    """Give the account an IP Load Balancer in two zones."""
    owned.add_ip_load_balancer(cloud.state, BALANCER, "198.51.100.9", ("gra", "sbg"))
