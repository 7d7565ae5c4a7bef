"""K3s' releases as values: read from fleet.yaml, from ``k3s --version``, from a Node's kubelet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_RELEASE = re.compile(r"(?<![\w.])v(\d+)\.(\d+)\.(\d+)(?:\+k3s(\d+))?(?![\w.-])")


@dataclass(frozen=True, order=True)
class Release:
    """One release, such as v1.33.4+k3s1; later ones are greater."""

    major: int
    minor: int
    patch: int
    build: int = 0

    @classmethod
    def find(cls, text: str) -> Self | None:
        """Return the first release that *text* names (``k3s version v1.33.4+k3s1 (148243c4)``); None if it names none."""
        found = _RELEASE.search(text)
        return cls(*(int(number or 0) for number in found.groups())) if found else None

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}" + (f"+k3s{self.build}" if self.build else "")

    @property
    def series(self) -> str:
        """What the skew policy counts in: ``v1.33``."""
        return f"v{self.major}.{self.minor}"
