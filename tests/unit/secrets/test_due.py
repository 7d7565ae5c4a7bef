"""When a secret is due, and when it may be rotated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from koprogo_fleet.secrets.due import in_window, in_words, is_due
from koprogo_fleet.secrets.spec import RotationPolicy

SATURDAY = datetime(2026, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "hours", "inside"),
    [
        (None, 13, True),
        ("02:00-05:00", 2, True),
        ("02:00-05:00", 4.99, True),
        ("02:00-05:00", 5, False),
        ("02:00-05:00", 1.99, False),
        ("sat,sun 02:00-05:00", 3, True),
        ("sat,sun 02:00-05:00", 24 + 3, True),
        ("sat,sun 02:00-05:00", 48 + 3, False),
        ("fri 22:00-02:00", 1, True),
        ("fri 22:00-02:00", 23, False),
        ("sat 22:00-02:00", 23, True),
        ("sat 22:00-02:00", 24 + 1, True),
        ("sat 22:00-02:00", 1, False),
        ("sun 00:00-00:00", 23.9, False),
        ("sun 00:00-00:00", 24 + 23.9, True),
    ],
)
def test_windows(window: str | None, hours: float, *, inside: bool) -> None:
    """A window is on its days, in UTC; one that ends before it begins ends on the day after."""
    assert inside is in_window(window, SATURDAY + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("max_age", "age", "due"),
    [(None, 999, False), (90, 90, False), (90, 91, True), (90, None, False)],
)
def test_due(max_age: int | None, age: int | None, *, due: bool) -> None:
    """Older than its policy allows; what has no policy, or no known age, never is."""
    policy = RotationPolicy(max_age=timedelta(days=max_age) if max_age else None)

    assert due is is_due(policy, timedelta(days=age) if age else None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "under a minute"), (60, "1 minute"), (7300, "2 hours"), (86400, "1 day"), (86400 * 90 + 5, "90 days")],
)
def test_ages_in_words(seconds: int, words: str) -> None:
    """The largest unit alone."""
    assert words == in_words(timedelta(seconds=seconds))
