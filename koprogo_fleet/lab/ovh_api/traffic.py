"""
The traffic of the Octavia load balancers: what the state says of them is what really listens and forwards.

A balancer listens on its address in the subnet, and on its floating IP as long as one leads to it. OVH translates the
floating IP at the gateway; here the balancer has it itself, so that the PROXY protocol names it as the destination.
"""

from __future__ import annotations

import logging
import threading
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.lab.appliances import mac_of
from koprogo_fleet.lab.health_checks import Address, Check, HttpRequest
from koprogo_fleet.lab.load_balancer import Forward, LoadBalancer
from koprogo_fleet.lab.machines import PUBLIC_NETWORK, Appliances, Port
from koprogo_fleet.lab.ovh_api.state import Record, State

_log = logging.getLogger(__name__)

_AT_WORK = frozenset({"active", "updating"})
_PROXY_VERSIONS = {"proxy": 1, "proxyV2": 2}
_CARRIED = frozenset({"tcp", "http", "https"})  # byte by byte; nothing is decrypted, and UDP and SCTP are not carried


class Wanted(NamedTuple):
    """What a balancer is to be: its place, and what it does on each of its addresses."""

    ports: tuple[Port, ...]
    forwards: tuple[Forward, ...]


class Traffic:
    """
    Keeps a load balancer running for each one in *state* that works, in a place of its own, until :meth:`close`.

    Args:
        state: watched for changes; told which members are well.
        appliances: makes the places.
        public_subnet: where floating IPs are.
    """

    def __init__(self, state: State, appliances: Appliances, public_subnet: IPv4Network) -> None:
        self._state = state
        self._appliances = appliances
        self._public = public_subnet
        self._running: dict[str, tuple[Wanted | None, LoadBalancer]] = {}
        self._changed = threading.Event()
        self._closed = False
        self._changed.set()
        state.watch(self._changed.set)
        self._thread = threading.Thread(target=self._work, name="ovh-traffic", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all balancers; their places stay for the next emulator."""
        self._closed = True
        self._changed.set()
        self._thread.join()
        for _, balancer in self._running.values():
            balancer.close()

    def _work(self) -> None:
        while not self._closed:
            self._changed.clear()
            with self._state.look() as data:
                wanted = wanted_balancers(data, self._public)
            try:
                self._clear_away(wanted)
            except (KoprogoError, OSError):
                _log.exception("the places of load balancers that are gone")
            for key, what in wanted.items():
                try:
                    self._carry(key, what)
                except (KoprogoError, OSError):
                    _log.exception("the traffic of load balancer %s", key)
            self._changed.wait()

    def _clear_away(self, wanted: dict[str, Wanted]) -> None:
        for key in self._running.keys() - wanted.keys():
            _, balancer = self._running.pop(key)
            balancer.close()
        for key in set(self._appliances.ids()) - wanted.keys():
            self._appliances.remove(key)

    def _carry(self, key: str, what: Wanted) -> None:
        now, balancer = self._running.get(key, (None, None))
        if now == what:
            return
        enter = self._appliances.ensure(key, what.ports)
        if balancer is None:
            balancer = LoadBalancer(enter=enter, tell=_Teller(self._state, key))
        self._running[key] = None, balancer
        balancer.apply(what.forwards)
        self._running[key] = what, balancer


class _Teller:
    """Writes into the state whether a member is well."""

    def __init__(self, state: State, balancer_id: str) -> None:
        self._state = state
        self._balancer_id = balancer_id

    def __call__(self, member: Address, is_up: bool) -> None:  # noqa: FBT001 - the signature of who is told
        with self._state.change() as data:
            for item in data["members"].values():
                if (item["balancer_id"], item["address"], item["port"]) == (self._balancer_id, *member):
                    item["well"] = is_up


def wanted_balancers(data: Record, public_subnet: IPv4Network) -> dict[str, Wanted]:
    """Return what each balancer that works is to be, by its id. Pure."""
    return {
        key: _wanted(data, balancer, public_subnet)
        for key, balancer in data["load_balancers"].items()
        if balancer["status"] in _AT_WORK
    }


def _wanted(data: Record, balancer: Record, public_subnet: IPv4Network) -> Wanted:
    cidr = IPv4Network(data["subnets"][balancer["subnet_id"]]["network"])
    ports = [_port(balancer["id"], balancer["network_id"], balancer["addresses"][0], cidr, None)]
    ports.extend(
        _port(balancer["id"], PUBLIC_NETWORK, floating["ip"], public_subnet, public_subnet[1])
        for floating in data["floating_ips"].values()
        if floating["status"] == "active" and floating["entity"] and floating["entity"]["id"] == balancer["id"]
    )
    return Wanted(
        tuple(ports),
        tuple(
            _forward(data, listener, str(port.address))
            for listener in data["listeners"].values()
            if listener["balancer_id"] == balancer["id"]
            and listener["status"] in _AT_WORK
            and listener["protocol"] in _CARRIED
            for port in ports
        ),
    )


def _port(balancer_id: str, network_id: str, address: str, cidr: IPv4Network, gateway: IPv4Address | None) -> Port:
    return Port(network_id, mac_of(balancer_id, network_id), IPv4Address(address), cidr.prefixlen, gateway)


def _forward(data: Record, listener: Record, address: str) -> Forward:
    pool = data["pools"].get(listener["default_pool_id"])
    members = tuple(
        (item["address"], item["port"])
        for item in data["members"].values()
        if pool is not None and item["pool_id"] == pool["id"] and item["status"] in _AT_WORK
    )
    return Forward(
        (address, listener["port"]),
        members,
        _PROXY_VERSIONS.get(pool["protocol"]) if pool else None,
        _check(data, pool) if pool else None,
        tuple(IPv4Network(network) for network in listener["allowed_cidrs"] or ()),
    )


def _check(data: Record, pool: Record) -> Check | None:
    monitor = next((item for item in data["health_monitors"].values() if item["pool_id"] == pool["id"]), None)
    if monitor is None or monitor["status"] not in _AT_WORK:
        return None
    http = monitor["http"]
    return Check(
        delay=monitor["delay"],
        timeout=monitor["timeout"],
        rise=monitor["retries"],
        fall=monitor["retries_down"],
        http=HttpRequest(http["urlPath"], http["httpMethod"], http["domainName"], http["expectedCodes"])
        if http and monitor["type"] == "http"
        else None,
    )
