"""
The single changes that make the fleet's part of an IP Load Balancer what it has to be, one call each. Pure.

None is in force before a refresh, so that their order is free but for what refers to what: a farm names its network, a
frontend its farm, and neither goes while it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec

from koprogo_fleet.ovh import ip_load_balancer_farms as farm_calls
from koprogo_fleet.ovh import ip_load_balancer_frontends as frontend_calls
from koprogo_fleet.ovh import ip_load_balancers as network_calls
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.ip_load_balancer_farms import NewFarm, Probe
from koprogo_fleet.ovh.ip_load_balancer_frontends import Frontend, NewFrontend
from koprogo_fleet.ovh.ip_load_balancers import ALL_ZONES, TCP, BalancerNetwork
from koprogo_fleet.provision.ip_balancing import FarmParts, IpBalancing, IpBalancingSpec, Way

P = ParamSpec("P")


@dataclass(frozen=True)
class IpChange:
    """One change; *what* is in words, for the plan, and another change has other words."""

    what: str
    call: Callable[[OvhApi], object]


def changes(spec: IpBalancingSpec, now: IpBalancing) -> Iterator[IpChange]:
    """
    Yield the changes that can be made of what is known *now*; more may follow from them, until there are none.

    What bears the fleet's name and is not wanted goes; what others made stays, and is in nobody's way here.
    """
    network = next((item for item in now.our_networks if _fits(spec, item)), None)
    yield from _networks(spec, now, network)
    if network is None:
        return
    kept: dict[str, FarmParts] = {}
    for way in spec.ways:
        farm = NewFarm(way.name, ALL_ZONES, way.node_port, probe=Probe(), network_id=network.id)
        parts = _named(way, now)
        if parts is None:
            yield _change(f"new farm {farm.name}", farm_calls.create_farm, spec.service, TCP, farm)
        else:
            kept[way.name] = parts
            yield from _in_farm(spec, farm, parts)
    yield from _frontends(spec, now, kept)
    ids = {parts.farm.id for parts in kept.values()}
    for item in now.our_farms:
        named = any(frontend.wanted.farm_id == item.farm.id for frontend in now.frontends)
        if item.farm.id not in ids and not named:  # the next look finds it without its frontend
            what = f"no farm {item.farm.wanted.name} ({item.farm.id})"
            yield _change(what, farm_calls.delete_farm, spec.service, TCP, item.farm.id)


def _fits(spec: IpBalancingSpec, network: BalancerNetwork) -> bool:
    return (network.subnet, network.nat_ip, network.vlan) == (spec.subnet, spec.nat_ip, spec.vlan)


def _change(
    what: str, call: Callable[Concatenate[OvhApi, P], object], *arguments: P.args, **options: P.kwargs
) -> IpChange:
    return IpChange(what, lambda api: call(api, *arguments, **options))


def _networks(spec: IpBalancingSpec, now: IpBalancing, kept: BalancerNetwork | None) -> Iterator[IpChange]:
    """Take others of the fleet's name away first: two may not have the same addresses."""
    ours = {item.farm.id for item in now.our_farms}
    others = [network for network in now.our_networks if network is not kept]
    for other in others:
        what = f"network {other.subnet} ({other.id})"
        if ours.intersection(other.farm_ids):
            strangers = [farm for farm in other.farm_ids if farm not in ours]
            yield _change(
                f"no farm in {what}", network_calls.change_farms_of_network, spec.service, other.id, strangers
            )
        else:
            yield _change(f"no {what}", network_calls.delete_network, spec.service, other.id)
    if kept is None and not others:
        yield _change(
            f"network {spec.subnet}, VLAN {spec.vlan}, from {spec.nat_ip}",
            network_calls.create_network,
            spec.service,
            spec.name,
            subnet=spec.subnet,
            nat_ip=spec.nat_ip,
            vlan=spec.vlan,
        )


def _named(way: Way, now: IpBalancing) -> FarmParts | None:
    named = (way.name, ALL_ZONES)
    return next((item for item in now.our_farms if (item.farm.wanted.name, item.farm.wanted.zone) == named), None)


def _in_farm(spec: IpBalancingSpec, wanted: NewFarm, parts: FarmParts) -> Iterator[IpChange]:
    place = (spec.service, TCP, parts.farm.id)
    if parts.farm.wanted != wanted:
        yield _change(f"farm {wanted.name} to {wanted.port}", farm_calls.change_farm, *place, wanted)
    there = {server.wanted.address: server for server in reversed(parts.servers)}
    for server in spec.servers:
        now = there.pop(server.address, None)
        proxied = f" with PROXY protocol {server.proxy_protocol}" if server.proxy_protocol else ""
        what = f"{server.name}{proxied}"
        if now is None:
            yield _change(f"{wanted.name}: new {what}", farm_calls.create_server, *place, server)
        elif now.wanted != server:
            yield _change(f"{wanted.name}: {what}", farm_calls.change_server, *place, now.id, server)
    kept = {server.address for server in spec.servers}
    for item in parts.servers:
        first = next(one for one in parts.servers if one.wanted.address == item.wanted.address)
        if item.wanted.address not in kept or item is not first:
            what = f"{item.wanted.name or item.wanted.address} ({item.id})"
            yield _change(f"{wanted.name}: no {what}", farm_calls.delete_server, *place, item.id)


def _frontends(spec: IpBalancingSpec, now: IpBalancing, farms: dict[str, FarmParts]) -> Iterator[IpChange]:
    """Lead each port to its farm; one that has the port already changes its name, so that two can be exchanged."""
    by_port = {item.wanted.port: item for item in reversed(now.our_frontends)}
    ports = {str(way.port) for way in spec.ways}
    kept: set[int] = set()
    for way in spec.ways:
        spare = (item for item in now.our_frontends if item.wanted.name == way.name and item.wanted.port not in ports)
        there = by_port.get(str(way.port)) or next(spare, None)
        if there is not None:
            kept.add(there.id)
        if way.name in farms:
            yield from _frontend(spec.service, way, farms[way.name].farm.id, there)
    for item in now.our_frontends:
        if item.id not in kept:
            what = f"no frontend {item.wanted.port} ({item.id})"
            yield _change(what, frontend_calls.delete_frontend, spec.service, TCP, item.id)


def _frontend(service: str, way: Way, farm_id: int, there: Frontend | None) -> Iterator[IpChange]:
    wanted = NewFrontend(way.name, ALL_ZONES, str(way.port), farm_id)
    if there is None:
        yield _change(f"new frontend {way.port}", frontend_calls.create_frontend, service, TCP, wanted)
        return
    wanted = replace(wanted, allowed=there.wanted.allowed)  # whom it lets in, a person may have narrowed
    if there.wanted != wanted:
        yield _change(f"frontend {way.port}", frontend_calls.change_frontend, service, TCP, there.id, wanted)
