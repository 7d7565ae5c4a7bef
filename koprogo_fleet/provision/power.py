"""Switching a fleet's instances off and on: what each needs from its status, and doing it until all are there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from http import HTTPStatus

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, OvhError, OvhUnavailable
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ovh import instances
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.instance_actions import shelve_instance, unshelve_instance
from koprogo_fleet.ovh.instances import Instance, list_instances, only_one, start_instance, stop_instance

SECONDS = 1800.0
"""For a group of instances: shelving uploads each disk, and brings it back."""

LOCAL_DISKS = ("i1-", "t1-180", "t2-180")
"""Flavors whose NVMe disks shelving loses (OVH's guide "Shelve or pause an instance")."""

_ON_ITS_WAY = instances.BUILDING | {"REBOOT", "HARD_REBOOT", "UNKNOWN", instances.SHELVING, instances.UNSHELVING}
_REFUSED_FOR_NOW = {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT}
_SHOWN = 5


class Power(StrEnum):
    """What an instance should be."""

    ON = "on"
    OFF = "off"
    SHELVED = "shelved"


Call = Callable[[OvhApi, str], None]

_CALLS: Mapping[Power, Mapping[str, Call]] = {
    Power.ON: dict.fromkeys(instances.STOPPED, start_instance) | dict.fromkeys(instances.SHELVED, unshelve_instance),
    Power.OFF: {instances.ACTIVE: stop_instance},
    Power.SHELVED: dict.fromkeys({instances.ACTIVE, *instances.STOPPED}, shelve_instance),
}
_DONE: Mapping[Power, frozenset[str]] = {
    Power.ON: frozenset({instances.ACTIVE}),
    Power.OFF: instances.OFF,
    Power.SHELVED: instances.SHELVED,
}


def power_of(instance: Instance, wanted: Power) -> Power:
    """Return what this instance should be: one that is billed by the month is stopped only, as shelving saves nothing."""
    return Power.OFF if wanted is Power.SHELVED and instance.monthly else wanted


def fleet_instances(fleet: Fleet, api: OvhApi) -> dict[str, Instance]:
    """
    Return the instances of the fleet's nodes by name, in the nodes' order; one call. What is not there is left out.

    Raises:
        InputError: two instances have one name.
    """
    found: dict[str, list[Instance]] = {node.name: [] for node in fleet.nodes}
    for instance in list_instances(api):
        if instance.name in found and instance.status not in instances.DELETED:
            found[instance.name].append(instance)
    return {name: one for name, same in found.items() if (one := only_one(name, same)) is not None}


def check(fleet: Fleet, there: Mapping[str, Instance], wanted: Power) -> None:
    """
    Do nothing, if every instance can be switched.

    Raises:
        InputError: one is in a state out of which a person has to bring it, or shelving would lose its disks.
    """
    flavors = {node.name: node.flavor for node in fleet.nodes}
    for name, instance in there.items():
        power = power_of(instance, wanted)
        if instance.status not in {*_CALLS[power], *_DONE[power], *_ON_ITS_WAY}:
            raise InputError(
                f"{name} is {instance.status}: nothing was switched {wanted}",
                next_step=f"bring instance {name} ({instance.id}) to ACTIVE in the OVH manager, then run again",
            )
        if power is Power.SHELVED and instance.status in _CALLS[power] and flavors[name].startswith(LOCAL_DISKS):
            raise InputError(
                f"{name} is a {flavors[name]}: shelving it would lose its local disks; nothing was switched off",
                next_step="switch the fleet off without --shelve",
            )


def to_switch(there: Mapping[str, Instance], wanted: Power) -> dict[str, Difference]:
    """Return what is to be switched, by the instances' names."""
    return {
        name: Difference(Operation.CHANGE, f"instance {name}", instance.status, power_of(instance, wanted))
        for name, instance in there.items()
        if instance.status not in _DONE[power_of(instance, wanted)]
    }


def switch(  # noqa: PLR0913 - what it needs, by name
    api: OvhApi,
    fleet: Fleet,
    names: Collection[str],
    wanted: Power,
    *,
    listener: Listener,
    seconds: float = SECONDS,
    interval: float = 2.0,
) -> None:
    """
    Bring the instances of these *names* to what is *wanted*, side by side; those that are so already get no call.

    A call whose answer was lost is made again only where the next look shows that nothing came of it.

    Raises:
        WaitTimeout: not all are there after so many *seconds*.
        OvhError: the API refuses.
    """
    switching = _Switching(api, wanted)

    def look() -> None:
        there = fleet_instances(fleet, api)
        waiting = [told for name in there if name in names and (told := switching.ask(there[name]))]
        if waiting:
            more = f" and {len(waiting) - _SHOWN} more" if len(waiting) > _SHOWN else ""
            raise NotYet(", ".join(waiting[:_SHOWN]) + more)

    if names:
        wait_for(
            f"{len(names)} instances {wanted}",
            look,
            seconds=seconds,
            interval=interval,
            listener=listener,
            cause="OVH is slow, or one does not shut down",
            next_step="look at them in the OVH manager; run the same again: what is there already is left alone",
        )


class _Switching:
    """What has been asked for, by the instances' ids: an accepted call is not made again, whatever the list shows."""

    def __init__(self, api: OvhApi, wanted: Power) -> None:
        self._api = api
        self._wanted = wanted
        self._accepted: set[str] = set()

    def ask(self, instance: Instance) -> str:
        """Ask for what the instance needs; return what is still waited for, or nothing."""
        power = power_of(instance, self._wanted)
        if instance.status in _DONE[power]:
            return ""
        seen = f"{instance.name} {instance.status}"
        call = _CALLS[power].get(instance.status)
        if call is None or instance.id in self._accepted:
            return seen
        try:
            call(self._api, instance.id)
        except OvhError as error:
            if not isinstance(error, OvhUnavailable) and error.status not in _REFUSED_FOR_NOW:
                raise
            return f"{seen} ({error.seen})"
        self._accepted.add(instance.id)
        return seen
