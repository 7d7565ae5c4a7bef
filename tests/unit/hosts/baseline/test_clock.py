"""What is decided about a node's clock."""

from __future__ import annotations

import pytest

from koprogo_fleet.hosts.baseline.clock import Clock
from koprogo_fleet.hosts.resource import Change, Fact, Refused, Unchanged

ASKED, ANSWERED = 1_000_000.0, 1_000_020.0


def decide(told: float, where: str = "") -> Change | Refused | Unchanged:
    """Decide about a node that told this time, somewhere in the 20 s between question and answer."""
    decision = Clock(ASKED, lambda: ANSWERED).decide(Fact(0, f"{told:.9f}\n{where}".encode()))
    assert isinstance(decision, (Change, Refused, Unchanged))
    return decision


@pytest.mark.parametrize("told", [ASKED, ANSWERED, ASKED + 7, ASKED - 4.9, ANSWERED + 4.9])
def test_what_may_be_right_is_left(told: float) -> None:
    """A time between question and answer is right, however long the answer took, and a few seconds beside it."""
    assert Unchanged() == decide(told)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (ANSWERED + 3600, "3600 s ahead of the clock of this machine"),
        (ASKED - 600, "600 s behind the clock of this machine"),
        (0.0, "1000000 s behind the clock of this machine"),
    ],
)
def test_what_is_wrong_is_set(told: float, shown: str) -> None:
    """The difference names the skew; in a container, whose clock is its host's, a person has to set it."""
    decision, contained = decide(told), decide(told, "container\n")

    assert isinstance(decision, Change)
    assert shown == decision.differences[0].old
    assert isinstance(contained, Refused)
    assert shown in contained.reason
