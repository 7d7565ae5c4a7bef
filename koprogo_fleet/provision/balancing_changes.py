"""
The single changes that make a load balancer (Octavia) what it has to be, one call each.

A change knows what it makes of the balancer, so that the next one is found without reading all parts again: OVH allows
about one call a second, and the PROXY protocol alone is ten changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from koprogo_fleet.core.errors import OvhNotFound
from koprogo_fleet.ovh import load_balancer_listeners as listener_calls
from koprogo_fleet.ovh import load_balancer_pools as pool_calls
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.load_balancer_listeners import Listener
from koprogo_fleet.ovh.load_balancer_parts import NewListener, NewPool
from koprogo_fleet.ovh.load_balancer_pools import Member, Pool
from koprogo_fleet.provision.balancing import Backend, Balancer

_LEAVING = frozenset({"deleting", "deleted"})


@dataclass(frozen=True)
class PartChange:
    """
    One change; the balancer takes one at a time.

    Attributes:
        what: in words, for the plan; another change has other words.
        call: makes it.
        after: told the balancer before and the call's answer, returns the balancer after it.
    """

    what: str
    call: Callable[[OvhApi], Any]
    after: Callable[[Balancer, Any], Balancer]


def changes(wanted: Sequence[NewListener], now: Balancer) -> Iterator[PartChange]:
    """
    Yield the changes that are known to be needed; more may follow from the first of them.

    Parts that bear the balancer's name and are not wanted go; others were made by a person, and stay unless they are
    in the way. A new pool is complete before its listener leads to it, and then the old one goes.
    """
    for listener in wanted:
        pool = listener.pool
        assert pool is not None  # noqa: S101 - ours have pools
        backend = _backend(pool, now)
        if backend is None:
            yield _new_pool(pool, now)
        else:
            yield from _in_pool(pool, backend, now.balancer.region)
        yield from _on_port(listener, backend.pool.id if backend else None, now)
    ports = {listener.port for listener in wanted}
    for surplus in now.listeners:
        if surplus.port not in ports and _is_ours(surplus.name, now):
            yield _no_listener(surplus, now)
    kept = {backend.pool.id for one in wanted if one.pool and (backend := _backend(one.pool, now)) is not None}
    for item in now.backends:
        if item.pool.id not in kept and _is_ours(item.pool.name, now):
            yield _no_pool(item.pool, now)


def _backend(wanted: NewPool, now: Balancer) -> Backend | None:
    named = (one for one in now.backends if (one.pool.name, one.pool.protocol) == (wanted.name, wanted.protocol))
    return next(named, None)


def _is_ours(name: str, now: Balancer) -> bool:
    return name.startswith(f"{now.balancer.name}-")


def _new_pool(wanted: NewPool, now: Balancer) -> PartChange:
    return PartChange(
        f"new pool {wanted.name}",
        lambda api: pool_calls.create_pool(api, now.balancer.region, now.balancer.id, wanted),
        lambda before, pool: replace(before, backends=(*before.backends, Backend(pool))),
    )


def _no_pool(pool: Pool, now: Balancer) -> PartChange:
    return PartChange(
        f"no pool {pool.name} ({pool.id})",
        _deletion(lambda api: pool_calls.delete_pool(api, now.balancer.region, pool.id)),
        lambda before, _: replace(
            before,
            backends=tuple(one for one in before.backends if one.pool.id != pool.id),
            listeners=tuple(replace(one, pool_id=None) if one.pool_id == pool.id else one for one in before.listeners),
        ),
    )


def _in_pool(wanted: NewPool, backend: Backend, region: str) -> Iterator[PartChange]:
    pool = backend.pool
    if pool.algorithm != wanted.algorithm:
        yield PartChange(
            f"{pool.name}: {wanted.algorithm}",
            lambda api: pool_calls.change_pool(api, region, pool.id, wanted),
            lambda before, answer: _with(before, replace(backend, pool=answer)),
        )
    there = {(member.address, member.port): member for member in backend.members if member.status not in _LEAVING}
    places = {(member.address, member.port): member for member in wanted.members}
    if new := [member for place, member in places.items() if place not in there]:
        yield PartChange(
            f"{pool.name}: new {', '.join(member.name for member in new)}",
            lambda api: pool_calls.create_members(api, region, pool.id, new),
            lambda before, answer: _with(before, replace(backend, members=(*backend.members, *answer))),
        )
    for place, member in there.items():
        if place not in places:
            yield _no_member(member, backend, region)
        elif (member.name, member.weight) != (places[place].name, places[place].weight):
            yield _other_member(member, places[place].name, places[place].weight, backend, region)
    yield from _watched(wanted, backend, region)


def _no_member(member: Member, backend: Backend, region: str) -> PartChange:
    others = tuple(one for one in backend.members if one.id != member.id)
    return PartChange(
        f"{backend.pool.name}: no {member.name} ({member.address}:{member.port})",
        _deletion(lambda api: pool_calls.delete_member(api, region, backend.pool.id, member.id)),
        lambda before, _: _with(before, replace(backend, members=others)),
    )


def _other_member(member: Member, name: str, weight: int, backend: Backend, region: str) -> PartChange:
    others = tuple(one for one in backend.members if one.id != member.id)
    return PartChange(
        f"{backend.pool.name}: {name} with weight {weight}",
        lambda api: pool_calls.change_member(api, region, backend.pool.id, member.id, name, weight),
        lambda before, answer: _with(before, replace(backend, members=(*others, answer))),
    )


def _watched(wanted: NewPool, backend: Backend, region: str) -> Iterator[PartChange]:
    new, monitor, name = wanted.monitor, backend.monitor, backend.pool.name
    if new is None:
        return
    if monitor is None:
        yield PartChange(
            f"{name}: new monitor",
            lambda api: pool_calls.create_monitor(api, region, backend.pool.id, new),
            lambda before, answer: _with(before, replace(backend, monitor=answer)),
        )
    elif monitor.wanted.type != new.type:
        yield PartChange(
            f"{name}: no {monitor.wanted.type} monitor",
            _deletion(lambda api: pool_calls.delete_monitor(api, region, monitor.id)),
            lambda before, _: _with(before, replace(backend, monitor=None)),
        )
    elif monitor.wanted != new:
        yield PartChange(
            f"{name}: monitor",
            lambda api: pool_calls.change_monitor(api, region, monitor.id, new),
            lambda before, answer: _with(before, replace(backend, monitor=answer)),
        )


def _on_port(wanted: NewListener, pool_id: str | None, now: Balancer) -> Iterator[PartChange]:
    there = next((listener for listener in now.listeners if listener.port == wanted.port), None)
    region = now.balancer.region
    if there is None:
        yield PartChange(
            f"new listener {wanted.port}",
            lambda api: listener_calls.create_listener(api, region, now.balancer.id, wanted, pool_id),
            lambda before, answer: replace(before, listeners=(*before.listeners, answer)),
        )
    elif there.protocol != wanted.protocol:
        yield _no_listener(there, now)
    elif (there.name, there.pool_id, there.allowed) != (wanted.name, pool_id, wanted.allowed):
        others = tuple(one for one in now.listeners if one.id != there.id)
        yield PartChange(
            f"listener {wanted.port}",
            lambda api: listener_calls.change_listener(api, region, there.id, wanted, pool_id),
            lambda before, answer: replace(before, listeners=(*others, answer)),
        )


def _no_listener(listener: Listener, now: Balancer) -> PartChange:
    return PartChange(
        f"no {listener.protocol} listener {listener.port}",
        _deletion(lambda api: listener_calls.delete_listener(api, now.balancer.region, listener.id)),
        lambda before, _: replace(before, listeners=tuple(one for one in before.listeners if one.id != listener.id)),
    )


def _deletion(call: Callable[[OvhApi], None]) -> Callable[[OvhApi], None]:
    """Return *call*, which deletes a part; one that is gone already is as it should be (its answer may have been lost)."""

    def delete(api: OvhApi) -> None:
        with suppress(OvhNotFound):
            call(api)

    return delete


def _with(before: Balancer, backend: Backend) -> Balancer:
    others = tuple(one for one in before.backends if one.pool.id != backend.pool.id)
    return replace(before, backends=(*others, backend))
