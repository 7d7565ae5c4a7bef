"""
The leave that a change needs: asked for after the decision, before the first byte is sent to the node.

Whoever schedules the tasks gives it (see :mod:`koprogo_fleet.runner`): it writes the intent into the journal, proves
that etcd survives, and says what the node's fence must be. The tasks know only this contract.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from koprogo_fleet.core.diff import Difference


@dataclass(frozen=True)
class Action:
    """
    A change that a task is about to make on *host*.

    Attributes:
        host: the node's inventory name.
        what: for people and the journal: "converge", "reboot".
        differences: what it will mend.
        disrupts_etcd: it may take this node's etcd member down.
    """

    host: str
    what: str
    differences: tuple[Difference, ...] = ()
    disrupts_etcd: bool = False


@dataclass(frozen=True)
class Permit:
    """
    Leave to act.

    Attributes:
        fence: what the node's fence must still say when the change begins, or None where no run has claimed the node.
    """

    fence: str | None = None


class Permits(Protocol):
    """Gives permits; a runner that can."""

    def permit(self, action: Action) -> AbstractContextManager[Permit]:
        """
        Allow *action*, for as long as the block runs.

        Raises:
            KoprogoError: it must not be done now; nothing has been changed.
        """
