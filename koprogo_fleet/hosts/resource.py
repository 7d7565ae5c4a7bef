"""
The contract of a resource: one thing on a node that should be in a certain state.

Those that are there are in :mod:`koprogo_fleet.hosts.resources`; docs/howto/your-own-resource.md explains the parts.
A resource of your own is a class with a name, a look and a decision; no base class, no registration::

    @dataclass(frozen=True)
    class Timezone:
        zone: str

        @property
        def name(self) -> str:
            return "timezone"

        def look(self) -> str:
            return "readlink /etc/localtime"

        def decide(self, fact: Fact) -> Decision:
            now = fact.text.strip().removeprefix("/usr/share/zoneinfo/")
            if now == self.zone:
                return Unchanged()
            return Change(
                (Difference(Operation.CHANGE, self.name, old=now, new=self.zone),),
                script=f"timedatectl set-timezone {shlex.quote(self.zone)}",
            )
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from koprogo_fleet.core.diff import Difference


@dataclass(frozen=True)
class Fact:
    """What a look left: its exit status, and all that it printed on stdout."""

    exit_status: int
    stdout: bytes

    @property
    def text(self) -> str:
        """The stdout as text; bytes that are not UTF-8 become replacement characters."""
        return self.stdout.decode(errors="replace")


@dataclass(frozen=True)
class Unchanged:
    """It is as desired."""


@dataclass(frozen=True)
class NotApplicable:
    """It cannot be had on this node, for this *reason*; whatever can be had is as desired."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """Changing it would do harm, for this *reason*: a person has to decide. Nothing on the node is changed then."""

    reason: str
    next_step: str | None = None


@dataclass(frozen=True)
class Once:
    """
    A command that several changes need, and that is run once for all of them.

    Attributes:
        name: what it is, for people.
        command: sh, up to its arguments, as in "sync --".
        argument: what this change needs it for; quoted when it is run.
    """

    name: str
    command: str
    argument: str


@dataclass(frozen=True)
class Change:
    """
    It is not as desired.

    Attributes:
        differences: what is not.
        script: POSIX sh that mends it, run as root with ``set -eu``; may hold secrets, so it is never shown.
        notify: the names of the handlers to run at the end.
        not_applicable: why a part of it cannot be had on this node; empty if all of it can.
        then: what a look would find once it is made, where that is known. The resources after it that look at the same
            (two lines of one file) decide on that.
        once: what is run after the scripts of all changes. A run that ends before it is mended by the next one: either
            the look tells that it is missing, or it does not matter.
        together: does what *script* does, for several changes that follow each other.
        confirm: sh that makes the change last, run over a new connection when all changes are made. Where none comes to be,
            the node undoes the change by itself: so must the *script* have arranged it.
    """

    differences: tuple[Difference, ...]
    script: str = field(repr=False)
    notify: tuple[str, ...] = ()
    not_applicable: str = ""
    then: Fact | None = field(default=None, repr=False)
    once: tuple[Once, ...] = ()
    together: Once | None = None
    confirm: str = field(default="", repr=False)

    @property
    def complete(self) -> str:
        """All of it as one script, for a change that is a part of another one."""
        return "\n".join([self.script, *once_commands([self]).values()])


def once_commands(changes: Iterable[Change]) -> dict[str, str]:
    """Return each command that the *changes* need once, with the arguments of all of them, by its name with them."""
    arguments: dict[tuple[str, str], dict[str, None]] = {}
    for once in (once for change in changes for once in change.once):
        arguments.setdefault((once.name, once.command), {})[shlex.quote(once.argument)] = None
    return {" ".join([name, *given]): " ".join([command, *given]) for (name, command), given in arguments.items()}


Decision = Unchanged | NotApplicable | Refused | Change


class Resource(Protocol):
    """One thing on a node, and its desired state."""

    @property
    def name(self) -> str:
        """What it is, as the field says it: "file /etc/hosts"."""

    def look(self) -> str:
        """Return POSIX sh that changes nothing; what it prints and its exit status are the fact."""

    def decide(self, fact: Fact) -> Decision:
        """Set the fact against the desired state."""
