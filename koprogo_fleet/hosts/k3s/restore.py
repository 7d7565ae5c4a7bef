"""
A cluster made anew from one server's etcd: where each server is on that way, seen on the server itself.

K3s leaves the way to people (docs.k3s.io, "Backup and Restore"): K3s stopped everywhere, etcd reset on one server, that one
started, and only then the others' data put away, one server after the other, each of which joins as a new member. What
cannot be seen in etcd's own files is in a mark beside them, written before and after each step and gone in the end: a run
that was killed is continued from what the servers show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.health import LOOK, ServerHealth, parse

DATABASE = f"{paths.DATA}/server/db"
MARK = paths.RESTORE_MARK
RESET_FLAG = f"{DATABASE}/reset-flag"
"""K3s', which refuses another reset until it was started; a restore is not refused."""
SNAPSHOT = f"{DATABASE}/koprogo-restore.snapshot"
"""What is restored, after it was read and found whole."""


class Step(StrEnum):
    """How far a server is."""

    UNTOUCHED = "untouched"
    BEGUN = "begun"
    RESET = "reset"
    STARTED = "started"
    WIPING = "wiping"
    WIPED = "wiped"


@dataclass(frozen=True)
class Mark:
    """
    What a server says about the operation that is going on.

    Attributes:
        operation: which: the same for the same snapshot (or none) and the same server, in every run.
        step: the last one.
        moved: the name that the server's former data have now, once it has been chosen; else "".
    """

    operation: str
    step: Step
    moved: str = ""

    def __str__(self) -> str:
        return f"{self.operation} {self.step} {self.moved}".rstrip()


@dataclass(frozen=True)
class Seen:
    """
    One server.

    Attributes:
        health: its service, etcd and API.
        mark: None where nothing is going on.
        has_data: it has etcd's data.
        member: the name of its etcd member, or "".
        applied: how far its etcd has come, as it says itself; 0 where it does not answer.
        installed: whether K3s is there at all.
    """

    health: ServerHealth
    mark: Mark | None
    has_data: bool
    member: str
    applied: int
    installed: bool = True


LOOK_ALL = f"""\
{LOOK}[ -e {MARK} ] && echo "koprogo mark $(head -n 1 {MARK})"
[ -d {paths.ETCD_DATA}/member ] && echo 'koprogo has-data'
[ -e {paths.ETCD_DATA}/name ] && echo "koprogo member $(cat {paths.ETCD_DATA}/name)"
[ -e /etc/systemd/system/k3s.service ] && [ -x {paths.BINARY} ] && echo 'koprogo installed'
echo "koprogo status $(ask_etcd /v3/maintenance/status '{{}}')"
"""


def parse_seen(output: str) -> Seen:
    """Return the meaning of :data:`LOOK_ALL`'s output."""
    own = [line.removeprefix("koprogo ") for line in output.splitlines() if line.startswith("koprogo ")]
    rest = "\n".join(line for line in output.splitlines() if not line.startswith("koprogo "))
    facts = dict(line.partition(" ")[::2] for line in own)
    applied = re.search(r'"raftAppliedIndex":"?(\d+)', facts.get("status", ""))
    return Seen(
        health=parse(rest),
        mark=parse_mark(facts.get("mark", "")),
        has_data="has-data" in facts,
        member=facts.get("member", "").strip(),
        applied=int(applied[1]) if applied else 0,
        installed="installed" in facts,
    )


def parse_mark(text: str) -> Mark | None:
    """Return the mark that *text* is, or None if it is none."""
    parts = text.split()
    if len(parts) < 2 or parts[1] not in set(Step):  # noqa: PLR2004 - operation and step
        return None
    return Mark(parts[0], Step(parts[1]), parts[2] if len(parts) > 2 else "")  # noqa: PLR2004 - and what was moved


def operation(kind: str, server: str, sha256: str = "") -> str:
    """Return the name of an operation: what is done, with which snapshot, on which server."""
    return ":".join(filter(None, (kind, server, sha256[:16])))


def step_of_chosen(seen: Seen, name: str) -> Step:
    """
    Return how far the server is that the cluster is made anew from.

    One where the reset was begun is reset again, and so becomes the same: the flag that K3s leaves beside etcd's data is
    written before the reset has succeeded, and proves nothing.
    """
    if seen.mark is None or seen.mark.operation != name:
        return Step.UNTOUCHED
    return seen.mark.step


def step_of_peer(seen: Seen, name: str) -> Step:
    """Return how far another server is: untouched, its data being put away, or put away."""
    return Step.UNTOUCHED if seen.mark is None or seen.mark.operation != name else seen.mark.step


def joined(peer: Seen, chosen: Seen) -> bool:
    """Whether a peer votes in the cluster of the chosen server, and is well."""
    voters = chosen.health.members
    return (
        peer.health.service == "active"
        and peer.health.etcd_healthy
        and bool(peer.member)
        and peer.member in voters
        and set(peer.health.members) == set(voters)
    )


def answers(chosen: Seen) -> str:
    """Return why the chosen server cannot be joined yet, or nothing: only when it answers may another one's data go."""
    health = chosen.health
    if health.service != "active":
        return f"K3s is {health.service}"
    if not health.etcd_healthy:
        return "its etcd does not serve"
    if chosen.member not in health.members:
        return f"its etcd lists {', '.join(health.members) or 'no members'}, not itself"
    return "" if health.api == "ok" else f"its API says: {health.api}"


def other_operations(seen: Mapping[str, Seen], name: str) -> dict[str, Mark]:
    """Return the marks of another operation that was begun and not ended, by server."""
    return {server: one.mark for server, one in seen.items() if one.mark and one.mark.operation != name}


def survivor(seen: Mapping[str, Seen]) -> str | None:
    """
    Return the server whose etcd has come furthest, for a repair; None where that cannot be told.

    With data on one disk only it is that one. With more, etcd itself has to say how far it has come.
    """
    with_data = {server: one for server, one in seen.items() if one.has_data}
    if len(with_data) < 2:  # noqa: PLR2004 - one of them
        return next(iter(with_data), None)
    if not all(one.applied for one in with_data.values()):
        return None
    return max(with_data, key=lambda server: with_data[server].applied)
