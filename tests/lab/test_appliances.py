"""A load balancer in a namespace of its own: between the public network and a private one that the host is not in."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network

import pytest

from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.appliances import LabAppliances, mac_of
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.load_balancer import Forward, LoadBalancer
from koprogo_fleet.lab.machines import PUBLIC_NETWORK, Port
from koprogo_fleet.lab.network import LabNetwork, interfaces, namespaces
from koprogo_fleet.lab.paths import LabPaths

pytestmark = pytest.mark.lab

PRIVATE = IPv4Network("10.99.0.0/24")
MEMBER = "kf-member"


@pytest.fixture
def network() -> Iterator[LabNetwork]:
    """Give the networks of a lab without machines or services."""
    lab = Lab("t-appliance")
    lab.down()
    paths = LabPaths("t-appliance")
    paths.root.mkdir(mode=0o700, parents=True)
    network = LabNetwork(paths)
    network.up()
    yield network
    lab.down()


def port(network_id: str, cidr: IPv4Network, address: IPv4Address, owner: str) -> Port:
    """Return a port; of the public network, the gateway is known."""
    gateway = cidr[1] if network_id == PUBLIC_NETWORK else None
    return Port(network_id, mac_of(owner, network_id), address, cidr.prefixlen, gateway)


@contextmanager
def a_member(appliances: LabAppliances) -> Iterator[tuple[str, int]]:
    """Run a server in the private network alone, which answers with the address of who asks."""
    enter = appliances.ensure(MEMBER, (port("pn-1", PRIVATE, PRIVATE[21], MEMBER),))
    ready, end = threading.Event(), threading.Event()

    def serve() -> None:
        enter()
        with socket.create_server((str(PRIVATE[21]), 30080)) as listener:
            listener.settimeout(0.1)
            ready.set()
            while not end.is_set():
                try:
                    connection, source = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(source[0].encode())

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(10)
    try:
        yield str(PRIVATE[21]), 30080
    finally:
        end.set()
        thread.join()


def ask(address: IPv4Address) -> str:
    """Return what port 80 of *address* says to this host."""
    with socket.create_connection((str(address), 80), timeout=5) as connection:
        return connection.recv(64).decode()


def test_between_two_networks(network: LabNetwork) -> None:
    """A member sees the balancer's private address; another floating IP takes the first one's place; all goes away."""
    appliances = LabAppliances(LabPaths("t-appliance"))
    inside = port("pn-1", PRIVATE, PRIVATE[200], "b")
    first, second = (port(PUBLIC_NETWORK, network.subnet, network.subnet[number], "b") for number in (254, 253))
    with a_member(appliances) as member:
        enter = appliances.ensure("b", (inside, first))
        balancer = LoadBalancer([Forward((str(first.address), 80), (member,))], enter=enter)
        assert str(PRIVATE[200]) == ask(first.address)

        appliances.ensure("b", (inside, second))
        balancer.apply([Forward((str(second.address), 80), (member,))])
        assert str(PRIVATE[200]) == ask(second.address)
        with pytest.raises(OSError, match=r"timed out|No route"):
            socket.create_connection((str(first.address), 80), timeout=0.5)

        appliances.ensure("b", (inside,))
        balancer.apply([])
        assert 1 == len(nics("b", network))
        balancer.close()

    assert {"b", MEMBER} == set(appliances.ids())
    for appliance in appliances.ids():
        appliances.remove(appliance)
        appliances.remove(appliance)
    assert () == appliances.ids()
    wait_for("the NICs to be gone", lambda: no_nics(network), seconds=10, interval=0.1)


def nics(appliance: str, network: LabNetwork) -> list[str]:
    """Return the NICs that an appliance has."""
    name = next(name for name in namespaces(network.number) if name.endswith(f"lb-{appliance}"))
    shown = subprocess.run(
        ["ip", "-netns", name, "-brief", "link"], capture_output=True, text=True, check=True, timeout=10
    )
    return [line for line in shown.stdout.splitlines() if line.startswith("ens")]


def no_nics(network: LabNetwork) -> None:
    """Look whether any NIC but the bridges is left."""
    if left := [name for name in interfaces(network.number) if "-v" in name]:
        raise NotYet(", ".join(left))
