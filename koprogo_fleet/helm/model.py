"""What Helm knows about a release, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hook:
    """A manifest that Helm runs at certain moments, apart from the release's own."""

    path: str
    manifest: str


@dataclass(frozen=True)
class Rendered:
    """What a chart says for this cluster with these values."""

    manifest: str
    hooks: tuple[Hook, ...] = ()


@dataclass(frozen=True)
class Deployed:
    """The newest revision of a release, as Helm recorded it; *status* is Helm's word ("deployed", "failed"...)."""

    revision: int
    status: str
    rendered: Rendered

    @property
    def is_pending(self) -> bool:
        """Whether some Helm is at work on it, or was when it died."""
        return self.status.startswith("pending-") or self.status == "uninstalling"


@dataclass(frozen=True)
class Revision:
    """One line of a release's history."""

    number: int
    status: str
    description: str
