"""The emulator's Octavia balancers carry traffic: over loopback, whose every address is this machine's."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from emulated_balancer import api_of
from emulated_cloud import Cloud, until
from network_scene import REGION, Place, a_gateway, a_load_balancer, done, settled, until_gone

from koprogo_fleet.lab.machines import Port
from koprogo_fleet.ovh import floating_ips, load_balancer_pools, load_balancers, networks
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.load_balancer_parts import PROXY_V2, TCP, NewListener, NewMember, NewMonitor, NewPool
from koprogo_fleet.ovh.load_balancers import LoadBalancer

PUBLIC, PRIVATE = IPv4Network("127.7.7.0/24"), IPv4Network("127.0.5.0/24")
WORKERS = [IPv4Address("127.0.5.21"), IPv4Address("127.0.5.22")]
QUICK = NewMonitor("quick", delay=2, timeout=1, retries=1, retries_down=1)


@dataclass
class LoopbackAppliances:
    """Places without any namespace: each address of loopback is there already."""

    places: dict[str, tuple[Port, ...]] = field(default_factory=dict)

    def ensure(self, appliance_id: str, ports: tuple[Port, ...]) -> Callable[[], None]:
        """Have it."""
        self.places[appliance_id] = ports
        return lambda: None

    def remove(self, appliance_id: str) -> None:
        """Forget it."""
        del self.places[appliance_id]

    def ids(self) -> tuple[str, ...]:
        """Return all."""
        return tuple(self.places)


class CarryingCloud(Cloud):
    """An emulator whose balancers carry traffic."""

    def __init__(self, folder: Path) -> None:
        self.appliances = LoopbackAppliances()
        super().__init__(folder)

    def start(self) -> None:
        """Start it with a public network that is this machine's."""
        self.machines.public_subnet = PUBLIC
        super().start()


@pytest.fixture
def carrying(tmp_path: Path) -> Iterator[CarryingCloud]:
    """Run an emulator of its own for each test."""
    cloud = CarryingCloud(tmp_path)
    yield cloud
    cloud.stop()


@contextlib.contextmanager
def a_worker(address: IPv4Address, port: int) -> Iterator[None]:
    """Run a server that answers with its address and all that it got."""
    listener = socket.create_server((str(address), port))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                got = b"".join(iter(lambda: connection.recv(4096), b""))  # noqa: B023 - called at once
                connection.sendall(f"{address} ".encode() + got)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def a_free_port() -> int:
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def ask(address: IPv4Address, port: int) -> str:
    """Return what is answered; nothing if nobody listens, or the connection is closed."""
    try:
        with socket.create_connection((str(address), port), timeout=5) as connection:
            connection.sendall(b"hello")
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(4096), b"")).decode(errors="replace")
    except TimeoutError:
        raise
    except OSError:  # refused, reset, or closed before we had said all
        return ""


def a_place_on_loopback(api: OvhApi) -> Place:
    """Return a private network whose addresses are this machine's."""
    network = networks.create_private_network(api, "vrack", 42, REGION)
    until(lambda: networks.get_private_network(api, network.id).is_active_in(REGION))
    openstack_id = networks.get_private_network(api, network.id).openstack_id_in(REGION)
    pool = (PRIVATE[200], PRIVATE[250])
    subnet = networks.create_subnet(api, network.id, PRIVATE, REGION, pool=pool, with_gateway=True)
    return Place(network, openstack_id, subnet.id)


@dataclass(frozen=True)
class Scene:
    """A balancer with its floating IP; *port* leads to *node_port* of the workers."""

    balancer: LoadBalancer
    public: IPv4Address
    port: int
    node_port: int


def a_scene(api: OvhApi, protocol: str = TCP, monitor: NewMonitor | None = None) -> Scene:
    """Return a balancer before both workers."""
    place, port, node_port = a_place_on_loopback(api), a_free_port(), a_free_port()
    a_gateway(api, place)
    members = tuple(NewMember(worker, node_port, f"worker-{worker}") for worker in WORKERS)
    listener = NewListener("web", TCP, port, NewPool("web", protocol, members=members, monitor=monitor))
    balancer = a_load_balancer(api, place, listeners=(listener,))
    done(api, floating_ips.create_on_load_balancer(api, REGION, balancer.id, balancer.vip))
    (floating,) = floating_ips.list_floating_ips(api, REGION)
    until(lambda: is_open(floating.ip, port))
    return Scene(balancer, floating.ip, port, node_port)


def is_open(address: IPv4Address, port: int) -> bool:
    """Whether somebody listens."""
    with contextlib.suppress(ConnectionError), socket.create_connection((str(address), port), timeout=5):
        return True
    return False


def test_carries_to_every_member(carrying: CarryingCloud) -> None:
    """Connections to the floating IP and to the balancer's own address go to the members in turn."""
    scene = a_scene(api_of(carrying))
    with a_worker(WORKERS[0], scene.node_port), a_worker(WORKERS[1], scene.node_port):
        answers = {ask(scene.public, scene.port) for _ in range(4)}

        assert (
            {f"{worker} hello" for worker in WORKERS}
            == answers
            == {ask(scene.balancer.vip, scene.port) for _ in range(4)}
        )


def test_proxy_protocol(carrying: CarryingCloud) -> None:
    """A pool with the PROXY protocol tells its members the client and the address that it asked for."""
    scene = a_scene(api_of(carrying), PROXY_V2)
    there = (str(scene.public), scene.port)
    with a_worker(WORKERS[0], scene.node_port), socket.create_connection(there, timeout=5) as connection:
        client = connection.getsockname()
        connection.shutdown(socket.SHUT_WR)
        got = b"".join(iter(lambda: connection.recv(4096), b""))

    header = got[got.index(b"\r\n\r\n") :]
    assert b"\r\n\r\n\x00\r\nQUIT\n\x21\x11" == header[:14]
    assert IPv4Address(client[0]).packed + scene.public.packed == header[16:24]


def states(api: OvhApi) -> tuple[str, ...]:
    """Return how the members are, the workers in their order; then the pool and the balancer."""
    (pool,), (balancer,) = load_balancer_pools.list_pools(api, REGION), load_balancers.list_load_balancers(api, REGION)
    members = sorted(load_balancer_pools.list_members(api, REGION, pool.id), key=lambda member: member.address)
    return (*(member.operating_status for member in members), pool.operating_status, balancer.operating_status)


def test_monitor(carrying: CarryingCloud) -> None:
    """A member that does not answer its checks is in error and gets nothing, until it answers again."""
    api = api_of(carrying)
    scene = a_scene(api, monitor=QUICK)
    with a_worker(WORKERS[0], scene.node_port):
        with a_worker(WORKERS[1], scene.node_port):
            until(lambda: states(api) == ("online", "online", "online", "online"), seconds=15)
        until(lambda: states(api) == ("online", "error", "degraded", "degraded"), seconds=15)
        assert {f"{WORKERS[0]} hello"} == {ask(scene.public, scene.port) for _ in range(4)}
        with a_worker(WORKERS[1], scene.node_port):
            until(lambda: states(api) == ("online", "online", "online", "online"), seconds=15)
            assert {f"{worker} hello" for worker in WORKERS} == {ask(scene.public, scene.port) for _ in range(4)}
    until(lambda: states(api) == ("error", "error", "error", "error"), seconds=15)
    assert "" == ask(scene.public, scene.port)


def test_members_change_under_a_connection(carrying: CarryingCloud) -> None:
    """A member that leaves gets no new connection; the one that is open goes on."""
    api = api_of(carrying)
    scene = a_scene(api)
    (pool,) = load_balancer_pools.list_pools(api, REGION)
    members = {member.address: member for member in load_balancer_pools.list_members(api, REGION, pool.id)}
    load_balancer_pools.delete_member(api, REGION, pool.id, members[WORKERS[1]].id)
    settled(api, scene.balancer.id)
    with a_worker(WORKERS[0], scene.node_port), a_worker(WORKERS[1], scene.node_port):
        until(lambda: {ask(scene.public, scene.port) for _ in range(2)} == {f"{WORKERS[0]} hello"})
        with socket.create_connection((str(scene.public), scene.port), timeout=5) as connection:
            connection.sendall(b"before ")
            load_balancer_pools.create_members(
                api, REGION, pool.id, [NewMember(WORKERS[1], scene.node_port, "worker-2")]
            )
            settled(api, scene.balancer.id)
            load_balancer_pools.delete_member(api, REGION, pool.id, members[WORKERS[0]].id)
            settled(api, scene.balancer.id)
            until(lambda: {ask(scene.public, scene.port) for _ in range(2)} == {f"{WORKERS[1]} hello"})
            connection.sendall(b"after")
            connection.shutdown(socket.SHUT_WR)

            assert f"{WORKERS[0]} before after" == b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def test_restart_and_end(carrying: CarryingCloud) -> None:
    """A new emulator carries on; without its floating IP a balancer has its own address alone; deleted, no place."""
    scene = a_scene(api_of(carrying))
    with a_worker(WORKERS[0], scene.node_port), a_worker(WORKERS[1], scene.node_port):
        carrying.stop()
        assert "" == ask(scene.public, scene.port)
        carrying.appliances.places["left by somebody"] = ()
        carrying.start()
        until(lambda: ask(scene.public, scene.port).endswith(" hello"))
        assert [scene.balancer.id] == list(carrying.appliances.places)

        api = api_of(carrying)
        (floating,) = floating_ips.list_floating_ips(api, REGION)
        floating_ips.delete_floating_ip(api, REGION, floating.id)
        until(lambda: not is_open(scene.public, scene.port))
        assert ask(scene.balancer.vip, scene.port).endswith(" hello")

        load_balancers.delete_load_balancer(api, REGION, scene.balancer.id)
        until_gone(lambda: load_balancers.list_load_balancers(api, REGION))
        until(lambda: not is_open(scene.balancer.vip, scene.port))
    until(lambda: carrying.appliances.places == {})
