"""What carrying out a plan needs besides the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.client import OvhApi


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
    """How long each wait may take, and how often is looked at first; in seconds."""

    lost_answer: float = 20.0
    network: float = 600.0
    instance: float = 900.0
    volume: float = 360.0
    deletion: float = 300.0
    look_every: float = 1.0


@dataclass(frozen=True)
class Surroundings:
    """
    What all the nodes of a run share.

    Attributes:
        listener: is told from several threads at once.
        group_ids: the anti-affinity groups' ids, by name.
        first_files: what is on a new node from its first boot.
    """

    api: OvhApi
    limits: Limits
    listener: Listener
    fleet: Fleet
    public_key: str
    ssh_key_id: str
    public_network_id: str
    private_network_id: str
    group_ids: dict[str, str]
    first_files: FirstFiles = no_files
