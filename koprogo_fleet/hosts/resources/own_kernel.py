"""Something that only a machine with a kernel of its own can have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.hosts.questions import Asks, Question
from koprogo_fleet.hosts.resource import Decision, Fact, NotApplicable, Resource

IN_CONTAINER = 93
"""The exit status of a look in a container; systemd notes at its start that it runs in one."""


@dataclass(frozen=True)
class OwnKernel:
    """
    *resource*, on a machine with a kernel of its own. In a container it is not applicable: it is never said to be done.

    Attributes:
        resource: what is wanted.
        reason: why a container cannot have it.
    """

    resource: Resource
    reason: str

    @property
    def name(self) -> str:
        """The name of what is wanted."""
        return self.resource.name

    def look(self) -> str:
        """Look at what is wanted, unless this is a container."""
        return f"[ ! -e /run/systemd/container ] || exit {IN_CONTAINER}\n{self.resource.look()}"

    def questions(self) -> Iterable[Question]:
        """Ask what the resource asks."""
        return self.resource.questions() if isinstance(self.resource, Asks) else ()

    def decide(self, fact: Fact) -> Decision:
        """Let the resource decide, where it can be had."""
        if fact.exit_status == IN_CONTAINER:
            return NotApplicable(self.reason)
        return self.resource.decide(fact)
