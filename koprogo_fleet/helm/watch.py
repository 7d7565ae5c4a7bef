"""Whoever has a release deployed: told what it waits for, and asked whether to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.helm.release import Release


@dataclass(frozen=True)
class Watch:
    """
    The eyes on a deployment.

    Attributes:
        listener: is told of every wait.
        stopping: says whether a person wants it to end.
        missing: says what of a release is not ready; must not raise.
    """

    listener: Listener = ignore
    stopping: Callable[[], bool] = lambda: False
    missing: Callable[[Release], str] = lambda _release: ""


ALONE = Watch()
