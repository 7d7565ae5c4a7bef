"""What Longhorn says about its volumes, as its custom resources do (longhorn.io, ``volumes``; longhorn-manager, types.go)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LONGHORN_VERSIONS = ("longhorn.io/v1beta2", "longhorn.io/v1beta1")
"""The newer first: v1beta1 ends with Longhorn 1.9."""

_SETTLED = {("attached", "healthy"), ("detached", "unknown")}


@dataclass(frozen=True)
class LonghornVolume:
    """
    One volume.

    Attributes:
        state: attached, detached, or on the way between them.
        robustness: while it is attached: healthy, or degraded, with fewer replicas than wanted; detached: unknown, or
            faulted, with none.
    """

    namespace: str
    name: str
    state: str
    robustness: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name} ({self.state}, {self.robustness})"


def longhorn_volume(item: Mapping[str, Any]) -> LonghornVolume:
    """Read a Volume object."""
    status = item.get("status") or {}
    metadata = item["metadata"]
    return LonghornVolume(
        metadata.get("namespace", ""), metadata["name"], status.get("state", ""), status.get("robustness", "")
    )


def unsettled(volumes: Iterable[LonghornVolume]) -> tuple[LonghornVolume, ...]:
    """
    Return those for which a node must not be taken away now.

    A volume that is attaching or rebuilding has its only good replica somewhere, perhaps on that very node.
    """
    return tuple(volume for volume in volumes if (volume.state, volume.robustness) not in _SETTLED)
