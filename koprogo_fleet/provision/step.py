"""One step of a plan."""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.provision.actions import Action


@dataclass(frozen=True)
class Step:
    """What is not as desired, and what mends it."""

    difference: Difference
    action: Action
