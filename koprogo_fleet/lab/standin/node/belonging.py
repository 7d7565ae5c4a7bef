"""
Whether a server belongs to its cluster: what K3s refuses of one that was rebuilt, or taken out.

After K3s' ``pkg/etcd/etcd.go`` (``join``: "duplicate node name found"; ``Test``: "this server is a not a member of the etcd
cluster") and ``pkg/executor`` (a member that is removed while it runs ends K3s).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.lab.standin.node.log import log


class Listed(Protocol):
    """A member as etcd lists it; one that has never started has no name."""

    @property
    def name(self) -> str:
        """K3s' name of its node, with a suffix."""

    @property
    def peer_url(self) -> str:
        """Where the other members reach it."""


def refuse_duplicate(members: Iterable[Listed], own: str, node: str, name_file: Path) -> None:
    """
    Refuse to join where another life of this node is a member still; the own name is forgotten, as K3s does.

    Raises:
        KubernetesError: there is one.
    """
    if any(member.name and member.name != own and member.name.rpartition("-")[0] == node for member in members):
        name_file.unlink(missing_ok=True)
        raise KubernetesError(
            "etcd cluster join failed: duplicate node name found, please use a unique name for this node"
        )


def refuse_removed(members: Iterable[Listed], own: str, peer_url: str) -> None:
    """
    Refuse to start with the data of a member that the cluster has no more; they have to be deleted first.

    Raises:
        KubernetesError: it is not among the *members*.
    """
    listed = list(members)
    if listed and not any(member.name == own or member.peer_url == peer_url for member in listed):
        found = " ".join(f"{member.name}={member.peer_url}" for member in listed)
        raise KubernetesError(
            f"this server is a not a member of the etcd cluster. Found [{found}], expect: {own}={peer_url}"
        )


class Watch:
    """
    Ends K3s when this server's member is removed while it runs.

    Args:
        own: the member's name.
        peer_url: its peer URL.
        failures: how often its etcd has ended by itself.
        members: asks a cluster's member, by its client URL, for the list; raises where it does not answer.
    """

    def __init__(
        self, own: str, peer_url: str, failures: Callable[[], int], members: Callable[[str], Iterable[Listed]]
    ) -> None:
        self._own = own
        self._peer_url = peer_url
        self._failures = failures
        self._members = members
        self._others: tuple[str, ...] = ()

    def look(self) -> None:
        """Remember the others while all is well; ask them once our etcd has ended."""
        if not self._failures():
            listed = list(self._members("https://127.0.0.1:2379"))
            self._others = tuple(one.peer_url.replace(":2380", ":2379") for one in listed if one.name != self._own)
            return
        for other in self._others:
            try:
                refuse_removed(self._members(other), self._own, self._peer_url)
            except KubernetesError as error:
                if "not a member" not in str(error):
                    continue
                log.critical("this node has been removed from the cluster: %s", error)
                os.kill(os.getpid(), signal.SIGTERM)
            return
