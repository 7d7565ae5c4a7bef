"""When the stand-in's scheduled snapshots are due."""

from __future__ import annotations

from datetime import datetime

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.standin.node import cron

MIDNIGHT = datetime(2026, 1, 5, 0, 0)  # noqa: DTZ001 - the node's own time; a Monday


@pytest.mark.parametrize(
    ("text", "moment", "due"),
    [
        ("0 */6 * * *", MIDNIGHT, True),
        ("0 */6 * * *", MIDNIGHT.replace(hour=6), True),
        ("0 */6 * * *", MIDNIGHT.replace(hour=7), False),
        ("0 */6 * * *", MIDNIGHT.replace(minute=1), False),
        ("*/5 * * * *", MIDNIGHT.replace(minute=55), True),
        ("10-20/5,40 1 * * *", MIDNIGHT.replace(hour=1, minute=15), True),
        ("10-20/5,40 1 * * *", MIDNIGHT.replace(hour=1, minute=25), False),
        ("0 0 * * 1", MIDNIGHT, True),
        ("0 0 * * 0", MIDNIGHT, False),
        ("0 0 5 * 0", MIDNIGHT, True),
        ("@hourly", MIDNIGHT.replace(hour=9), True),
        ("@daily", MIDNIGHT.replace(hour=9), False),
    ],
)
def test_a_specification_is_due(text: str, moment: datetime, *, due: bool) -> None:
    """Fields, steps, ranges and names mean what cron says."""
    assert cron.parse(text).due(moment) is due


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "a * * * *", "*/0 * * * *", "@sometimes"])
def test_what_is_no_specification_is_an_error(text: str) -> None:
    """K3s does not start with one that it cannot read."""
    with pytest.raises(InputError):
        cron.parse(text)
