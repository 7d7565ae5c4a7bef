"""What carrying out a plan needs besides the plan; kinds make their calls through it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import wait_for
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision.kind import Existing, Kind, Ref, Value
from koprogo_fleet.provision.lists import Listing, Live

T = TypeVar("T")


class Once:
    """What is done once in a run, whoever needs it: the first does it, the others wait, and have what came of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done: dict[str, Any] = {}

    def __call__(self, what: str, do: Callable[[], T]) -> T:
        """Return what *do* returned, the first time that it returned at all."""
        with self._lock:
            if what not in self._done:
                self._done[what] = do()
            done: T = self._done[what]
            return done


class HostKeys(Protocol):
    """Makes the host keys of new nodes."""

    def new(self, name: str) -> tuple[Secret, str]:
        """
        Make a host key for *name*; return the private PEM and the public line.

        The public line must be on disk when this returns: the instance is created after it, and must be known even if
        we are killed in between.
        """
        ...


FirstFiles = Callable[[Node, str], Sequence[Mapping[str, str]]]
"""Told a new node and its host key's public line; returns the files that cloud-init writes before sshd first starts."""


def no_files(_node: Node, _host_key: str) -> Sequence[Mapping[str, str]]:
    """Return no file."""
    return ()


@dataclass(frozen=True)
class Limits:
    """
    How long waits may take, and how often is looked at first; in seconds.

    *look_lasts* is how long what a plan was made from is good enough to carry it out without another look. *late_list* is
    how long a list may show what is not so any more. *ready* replaces what the kinds say about themselves, by their nouns.
    """

    lost_answer: float = 20.0
    late_list: float = 10.0
    deletion: float = 300.0
    look_every: float = 1.0
    look_lasts: float = 0.0
    ready: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Site:
    """
    Where a plan is carried out.

    Attributes:
        lists: as they are now.
        listener: is told from several threads at once.
        public_key: the OpenSSH line of the fleet's key.
        host_keys: None where no instance is created.
        first_files: what is on a new node from its first boot.
        once: does a thing once in a run.
        known: the objects that are ready, by what others call them; grows as the plan is carried out.
    """

    api: OvhApi
    fleet: Fleet
    public_key: str
    lists: Live
    limits: Limits
    listener: Listener
    host_keys: HostKeys | None = None
    first_files: FirstFiles = no_files
    once: Once = field(default_factory=Once)
    known: dict[Ref, Existing[Any]] = field(default_factory=dict)

    def of(self, listing: Listing[T]) -> T:
        """Return what *listing* shows now."""
        return self.lists.of(listing)

    def need(self, kind: Kind[Any, Value], name: str) -> Value:
        """Return an object that is ready: those in an object's *needs* are, when it is created or changed."""
        existing: Existing[Value] = self.known[kind.ref(name)]
        return existing.value

    def new_host_key(self, name: str) -> tuple[Secret, str]:
        """
        Make a host key for *name*; return the private PEM and the public line, which is on disk by then.

        Raises:
            InputError: nothing was given that makes host keys.
        """
        if self.host_keys is None:
            raise InputError(
                f"{name} cannot be created: nothing makes its host key", next_step="give apply() its host_keys"
            )
        return self.host_keys.new(name)

    def wait(
        self,
        condition: str,
        look: Callable[[], T],
        *,
        seconds: float,
        cause: str | None = None,
        next_step: str | None = None,
    ) -> T:
        """
        Wait for a condition by this run's limits: see :func:`koprogo_fleet.core.wait.wait_for`.

        Raises:
            WaitTimeout: it took longer.
        """
        return wait_for(
            condition,
            look,
            seconds=seconds,
            interval=self.limits.look_every,
            listener=self.listener,
            cause=cause,
            next_step=next_step,
        )
