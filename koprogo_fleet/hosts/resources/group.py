"""A group of users."""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._account import UNKNOWN, check_account


@dataclass(frozen=True)
class Group:
    """
    The group *group* exists, or does not; who is in it is said by the users.

    Attributes:
        group: its name.
        gid: its number; None for whatever it has or gets. A group that has another one is left to a person.
        system: it gets a number of the system's range when it is made.
        absent: no such group. One that is some user's own group cannot be removed.

    Raises:
        InputError: a name that no group can have, or to remove root's.
    """

    group: str
    gid: int | None = None
    system: bool = False
    absent: bool = False

    def __post_init__(self) -> None:
        check_account("group", self.group)
        if self.absent and self.group == "root":
            raise InputError("refusing to remove the group root")

    @property
    def name(self) -> str:
        """The word group and its name."""
        return f"group {self.group}"

    def look(self) -> str:
        """Print its entry."""
        return f"getent group {self.group}"

    def decide(self, fact: Fact) -> Decision:
        """Make it or remove it."""
        if fact.exit_status == UNKNOWN:
            if self.absent:
                return Unchanged()
            options = "" if self.gid is None else f" --gid {self.gid:d}"
            options += " --system" if self.system else ""
            return Change((Difference(Operation.CREATE, self.name),), f"groupadd{options} -- {self.group}")
        if self.absent:
            return Change((Difference(Operation.DELETE, self.name),), f"groupdel -- {self.group}")
        gid = int(fact.text.split(":")[2])
        if self.gid not in {None, gid}:
            return Refused(
                f"group {self.group} has the number {gid}, not {self.gid}: its files would be left to nobody",
                next_step=f"on the node: groupmod --gid {self.gid} {self.group}, then chgrp its files",
            )
        return Unchanged()
