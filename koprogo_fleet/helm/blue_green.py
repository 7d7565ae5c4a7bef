"""
Two slots beside a release: a new image gets ready in the one that nobody is sent to, and then the release sends there.

Each slot is a release of its own, made of the same chart and values. Where the release sends is written down in Helm's
record of it (``activeSlot``), and a slot's image in that of the slot: nothing else has to be kept or agree, and every run,
whoever begins it, goes on from what it sees there. All here is pure: from what is seen to the releases that should be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.helm.look import Look
from koprogo_fleet.helm.records import NOT_KEPT, key_of
from koprogo_fleet.helm.release import BlueGreen, Proofs, Release
from koprogo_fleet.helm.releases import merged

SLOTS = ("blue", "green")
SLOT, ACTIVE = "slot", "activeSlot"
AT_REST = {"replicaCount": 0, "autoscaling": {"enabled": False}, "podDisruptionBudget": {"enabled": False}}
"""The values of a release that has no pods of its own."""


@dataclass(frozen=True)
class Images:
    """The tags that a run was given, by release, and whether they come by slots."""

    tags: Mapping[str, str] = field(default_factory=dict)
    blue_green: bool = False


AS_IT_IS = Images()


@dataclass(frozen=True)
class Seen:
    """
    What Helm has of a release and its slots.

    Attributes:
        installed: whether anything of the release is deployed.
        tag: of the image of its own pods.
        active: the slot that it sends to; empty where that is its own pods.
        at_rest: whether it has no pods of its own.
        slots: the tags of the slots that are there, empty where one never got ready.
        age: of the newest revision of all of them.
    """

    installed: bool
    tag: str = ""
    active: str = ""
    at_rest: bool = False
    slots: Mapping[str, str] = field(default_factory=dict)
    age: timedelta = timedelta(0)


@dataclass(frozen=True)
class Course:
    """
    Where a release should send.

    Attributes:
        active: that slot; empty for its own pods.
        tag: of the slot's image; empty for what releases.yaml says.
        at_rest: whether the release should have no pods of its own.
        removed: the slots that nobody needs any more.
        back: where it sends instead if that slot does not pass, although nothing differed; None where nothing is kept.
    """

    active: str
    tag: str = ""
    at_rest: bool = False
    removed: tuple[str, ...] = ()
    back: str | None = None


@dataclass(frozen=True)
class Slotted:
    """
    The releases of a run, with their slots.

    Attributes:
        releases: all of them.
        names: of those that are to be made so.
        removed: the names of those among them that are to go.
        back: what a release becomes again that does not pass although nothing differed, by name.
    """

    releases: tuple[Release, ...]
    names: frozenset[str]
    removed: frozenset[str] = frozenset()
    back: Mapping[str, Release] = field(default_factory=dict)


def course(seen: Seen, keep: timedelta, tag: str, *, by_slots: bool) -> Course:
    """
    Decide where a release should send.

    An image that serves already is never switched to: the same run again goes on with what the first one has left.

    Args:
        seen: what is there.
        keep: how long what nobody is sent to stays, since anything last changed.
        tag: what the run was given; empty where it was given none.
        by_slots: whether the tag comes by slots.
    """
    serves = seen.slots.get(seen.active) if seen.active else seen.tag
    if by_slots and tag and seen.installed and serves != tag:
        return Course("blue" if seen.active == "green" else "green", tag, at_rest=bool(seen.active))
    over = seen.age >= keep
    idle = [slot for slot in SLOTS if slot in seen.slots and slot != seen.active]
    removed = tuple(idle) if over else ()
    if not seen.active:
        return Course("", removed=removed)
    kept = [slot for slot in idle if seen.slots[slot]] + ([] if seen.at_rest else [""])
    back = kept[0] if by_slots and tag and kept and not over else None
    return Course(seen.active, tag or seen.slots.get(seen.active, ""), seen.at_rest or over, removed, back)


def seen_of(release: Release, look: Look, now: datetime) -> Seen:
    """Read what Helm has of a release and its slots."""
    kept = look.deployed.get(key_of(release), NOT_KEPT)
    active = kept.values.get(ACTIVE)
    slots = {}
    begun = [record.begun for record in [look.records.get(key_of(release))] if record]
    for slot in SLOTS:
        key = release.namespace, slot_name(release, slot)
        record, deployed = look.records.get(key), look.deployed.get(key)
        if record and (deployed.values.get(SLOT) == slot if deployed else record.made_of):
            slots[slot] = _tag(deployed.values) if deployed else ""
            begun.append(record.begun)
    return Seen(
        kept is not NOT_KEPT,
        _tag(kept.values),
        active if active in SLOTS else "",
        merged(kept.values, AT_REST) == kept.values,
        slots,
        now - max(begun, default=now),
    )


def with_slots(  # noqa: PLR0913, PLR0917 - all that the releases of a run follow from
    releases: Sequence[Release],
    names: Collection[str],
    look: Look,
    images: Images,
    now: datetime,
    peers: Callable[[], Sequence[Mapping[str, Any]]],
) -> Slotted:
    """
    Return the releases of a run with the slots that they have, or get.

    Args:
        releases: as releases.yaml has them.
        names: of those that the run is about.
        look: what Helm has.
        images: what the run was given.
        now: by a clock that is nearly the cluster's.
        peers: who asks slots for proof; called where there is a slot.
    """
    every, chosen, removed, back = list[Release](), set(names), set[str](), dict[str, Release]()
    for release in releases:
        if release.name not in names or by_hand(release, releases):
            every.append(release)
            continue
        settings = release.blue_green or BlueGreen()
        seen = seen_of(release, look, now)
        to = course(seen, settings.keep, images.tags.get(release.name, ""), by_slots=images.blue_green)
        wanted = release
        if to.active:
            slot = _slot(release, to.active, to.tag, peers())
            wanted = _sending(release, seen, to.active, at_rest=to.at_rest)
            wanted = wanted.model_copy(update={"needs": (*release.needs, slot.name)})
            every.append(slot)
            chosen.add(slot.name)
        every.append(wanted)
        if to.back is not None:
            back[release.name] = _sending(release, seen, to.back, at_rest=seen.at_rest)
        for idle in to.removed:
            gone = _slot(release, idle, "", ()).model_copy(update={"needs": (release.name,)})
            every.append(gone)
            removed.add(gone.name)
    return Slotted(tuple(every), frozenset(chosen | removed), frozenset(removed), back)


def by_hand(release: Release, releases: Iterable[Release]) -> bool:
    """Say whether a person has written the slots into releases.yaml: then it alone says what they are."""
    mine = {slot_name(release, slot) for slot in SLOTS}
    return not {SLOT, ACTIVE}.isdisjoint(release.values) or any(other.name in mine for other in releases)


def refuse_without_slots(release: Release, releases: Iterable[Release], defaults: Mapping[str, Any]) -> None:
    """
    Do nothing if a release can be deployed by slots; *defaults* are its chart's values.

    Raises:
        InputError: it cannot, and why.
    """
    if by_hand(release, releases):
        raise InputError(
            f"--blue-green: releases.yaml itself says where {release.name} sends",
            cause="it has `slot` or `activeSlot` among its values, or its slots among the releases",
            next_step="remove these, or change them instead",
        )
    if absent := [name for name in (SLOT, ACTIVE) if name not in defaults]:
        raise InputError(
            f"--blue-green: the chart of {release.name} knows no value {' and no '.join(absent)}",
            cause="a chart has to be made for two slots, as charts/koprogo-api is",
            next_step="deploy without --blue-green: pods are then replaced one by one",
        )


def slot_name(release: Release, slot: str) -> str:
    """Return the name of the release that is a slot of another one."""
    return f"{release.name}-{slot}"


def api_peers(nodes: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """
    Return whom a slot's network policy has to let in, so that it can be asked through the API server.

    Args:
        nodes: those that the API servers run on (Node objects). They call with their own address, or with that of their
            end of the network of pods, which flannel takes from the beginning of the node's part.
    """
    found = []
    for node in nodes:
        addresses = node.get("status", {}).get("addresses", ())
        found += [item["address"] for item in addresses if item["type"] == "InternalIP"]
        found += [str(ip_network(part).network_address) for part in node.get("spec", {}).get("podCIDRs", ())]
    return tuple({"ipBlock": {"cidr": str(ip_network(address))}} for address in sorted(set(found)))


def _slot(release: Release, slot: str, tag: str, peers: Sequence[Mapping[str, Any]]) -> Release:
    own: dict[str, Any] = {SLOT: slot}
    if tag:
        own["image"] = {"tag": tag}
    if peers:
        others = (release.values.get("networkPolicy") or {}).get("alsoFrom") or ()
        own["networkPolicy"] = {"alsoFrom": [*others, *peers]}
    return release.model_copy(
        update={
            "name": slot_name(release, slot),
            "values": merged(release.values, own),
            "probes": (),
            "smoke": (),
            "ready": Proofs(),
            "blue_green": release.blue_green or BlueGreen(),
        }
    )


def _sending(release: Release, seen: Seen, active: str, *, at_rest: bool) -> Release:
    """Return a release that sends to a slot; its own pods, if it has any, keep their image."""
    own = {ACTIVE: active, "image": {"tag": seen.tag}, **(AT_REST if at_rest else {})}
    values = merged(release.values, own)
    return release.model_copy(update={"values": values, "blue_green": release.blue_green or BlueGreen()})


def _tag(values: Mapping[str, Any]) -> str:
    image = values.get("image")
    return str(image.get("tag") or "") if isinstance(image, Mapping) else ""
