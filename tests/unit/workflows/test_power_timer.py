"""Hours in which a fleet is off, and units for them."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.workflows.power_timer import Here, Hours, hours_off, units


@pytest.mark.parametrize(
    ("off", "on", "days", "hours", "calendar"),
    [
        ("20:00", "07:00", "", 77, "*-*-* 20:00:00"),
        ("20:00", "7:00", "Mon..Fri", 103, "Mon,Tue,Wed,Thu,Fri *-*-* 20:00:00"),
        ("20:30", "08:00", "Mon,Wed", 143, "Mon,Wed *-*-* 20:30:00"),
        ("00:00", "06:00", "Sat..Mon", 18, "Mon,Sat,Sun *-*-* 00:00:00"),
        ("12:00", "13:00", "", 7, "*-*-* 12:00:00"),
    ],
)
def test_hours(off: str, on: str, days: str, hours: float, calendar: str) -> None:
    """The week is counted from each time off to the next time on; weekends without one are off."""
    found = Hours.parse(off, on, days)

    assert hours == hours_off(found)
    assert calendar == found.calendar(found.off)


@pytest.mark.parametrize(
    "words",
    [
        ("24:00", "7:00", ""),
        ("20", "7:00", ""),
        ("7:00", "07:00", ""),
        ("20:00", "7:00", "mon"),
        ("1:00", "2:00", "Mon.."),
    ],
)
def test_what_is_no_time(words: tuple[str, str, str]) -> None:
    """It is refused, with how to write it."""
    with pytest.raises(InputError) as caught:
        Hours.parse(*words)

    assert caught.value.next_step


def test_what_is_special_to_systemd_is_quoted() -> None:
    """Spaces, quotes, dollars and per cent signs of paths reach the program as they are."""
    place = Here("/opt/my fleet/bin/koprogo-fleet", ("--inventory", '/srv/50% "$x"'), "/srv/50%", "ops", {"K": "a b"})

    off = units("koprogo-dev", Hours.parse("20:00", "7:00"), place)["koprogo-fleet-koprogo-dev-power-off.service"]

    assert 'ExecStart="/opt/my fleet/bin/koprogo-fleet" power off --inventory "/srv/50%% \\"$$x\\""\n' in off
    assert 'Environment="K=a b"\n' in off
    assert "WorkingDirectory=/srv/50%%\n" in off
