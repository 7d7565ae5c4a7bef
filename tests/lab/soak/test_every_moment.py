"""A run killed at every moment of it, a second and a half apart: takes about an hour and a half."""

from __future__ import annotations

import pytest
from killed_runs import assert_continued
from lab_fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]  # the first of them provisions


@pytest.mark.parametrize("seconds", [0.5 + 1.5 * step for step in range(40)])
def test_a_run_killed_at_any_moment_is_continued(fleet: Fleet, seconds: float) -> None:
    """Whenever it is killed, the next run converges, and makes nothing twice."""
    assert_continued(fleet, seconds)
