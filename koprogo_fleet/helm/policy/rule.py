"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from koprogo_fleet.helm.policy.objects import Objects

Look = Callable[[Objects], Iterator[tuple[str, str]]]
"""Yields, for each breach, the object (``Deployment/api``) and what was seen of it."""


@dataclass(frozen=True)
class Rule:
    """One property that workloads must have: *why* it matters, and how to *mend* a chart that lacks it."""

    id: str
    why: str
    mend: str
    look: Look


@dataclass(frozen=True)
class Finding:
    """One breach of a rule by one object of a release."""

    rule: Rule
    release: str
    object: str
    seen: str

    def __str__(self) -> str:
        return f"{self.release}: {self.object}: {self.seen} [{self.rule.id}]"
