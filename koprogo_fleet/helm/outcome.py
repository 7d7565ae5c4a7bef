"""How each release of a run ended, and what that means for the run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import Interrupted, KoprogoError, NotConverged
from koprogo_fleet.helm.graph import GOOD, State


@dataclass(frozen=True)
class Outcome:
    """How a release ended, what differed, and why it is not as desired."""

    name: str
    state: State
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    error: KoprogoError | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"release {self.name}: {self.state}" + (f": {self.reason}" if self.reason else "")


def conclude(outcomes: Sequence[Outcome]) -> None:
    """
    Do nothing, unless a release is not as desired for another reason than that this is a plan.

    Raises:
        Interrupted: a person stopped the run.
        NotConverged: a release failed, was held, or has no chart; says which, and why.
    """
    bad = [outcome for outcome in outcomes if outcome.state not in GOOD | {State.DIFFERS}]
    if not bad:
        return
    lines = "\n".join(f"  {outcome}" for outcome in bad)
    seen = f"{len(bad)} of {len(outcomes)} releases are not as desired:\n{lines}"
    if any(outcome.state is State.STOPPED for outcome in bad):
        raise Interrupted(seen, next_step="run the same again: it goes on from here")
    told = [outcome.error for outcome in bad if outcome.error is not None]
    raise NotConverged(
        seen,
        cause=next((error.cause for error in told if error.cause), None),
        next_step=next((error.next_step for error in told if error.next_step), None),
    )
