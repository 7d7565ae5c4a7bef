"""The three kinds of objects in Vault that a setup is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Mount:
    """
    A secrets engine, or a way to log in.

    Attributes:
        table: ``mounts`` or ``auth``: which of Vault's two tables it is in.
        path: where it is mounted.
        type: of the plugin.
        options: of the mount; ``version`` of a key-value engine.
        longest: the most seconds that anything it makes may be valid for; 0 is Vault's own limit.
    """

    table: str
    path: str
    type: str
    options: Mapping[str, str] = field(default_factory=dict)
    longest: int = 0

    @property
    def what(self) -> str:
        """Its name for people."""
        return f"{'auth method' if self.table == 'auth' else 'engine'} {self.type} at {self.path}/"


@dataclass(frozen=True)
class Document:
    """
    Something that is read and written as a whole: a policy, a role, a configuration.

    Attributes:
        what: its name for people.
        path: where it is read and written.
        fields: what it must have; what else it has is left alone.
        at_least: those of the fields of which more is fine.
        unset: what a number that was never written stands for, by field.
    """

    what: str
    path: str
    fields: Mapping[str, object]
    at_least: frozenset[str] = frozenset()
    unset: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Authority:
    """
    A signing key inside an engine: made where there is none, and never replaced.

    Attributes:
        what: its name for people.
        look: what can be read once there is one.
        path: where it is made.
        fields: how.
        parent: the mount of the PKI engine that signs it; None where it signs itself.
    """

    what: str
    look: str
    path: str
    fields: Mapping[str, object]
    parent: str | None = None


Wanted: TypeAlias = Mount | Document | Authority
