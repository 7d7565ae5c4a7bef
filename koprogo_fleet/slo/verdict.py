"""Whether a promise is kept. Pure."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from koprogo_fleet.slo.model import Objective

_WITHIN: Mapping[str, Callable[[float, float], bool]] = {
    "below": operator.lt,
    "at_most": operator.le,
    "at_least": operator.ge,
    "above": operator.gt,
}
_WORST_IS_MOST = frozenset({"below", "at_most"})


class Verdict(StrEnum):
    """How an objective stands."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    FAIL = "fail"
    NO_DATA = "no data"


@dataclass(frozen=True)
class Sample:
    """One value of a query, and of what it is."""

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Judged:
    """An objective, how it stands, and the worst value there is."""

    objective: Objective
    verdict: Verdict
    worst: Sample | None


def judge(objective: Objective, samples: Sequence[Sample]) -> Judged:
    """
    Return how *objective* stands: the worst of the *samples* decides.

    Values that are no numbers are no data: what a query divides by nothing.
    """
    values = [sample for sample in samples if not math.isnan(sample.value)]
    if not values:
        return Judged(objective, Verdict.NO_DATA, None)
    name, bound = objective.bound
    worst = (max if name in _WORST_IS_MOST else min)(values, key=lambda sample: sample.value)
    return Judged(objective, Verdict.PASS if _WITHIN[name](worst.value, bound) else Verdict.FAIL, worst)
