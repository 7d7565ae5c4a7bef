"""When nodes restart themselves: never two at once, and no server while a member of etcd is missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koprogo_fleet.core.fleet import Fleet, RebootWindow
from koprogo_fleet.hosts.baseline.reboots import ASKED_FOR, LATEST_MINUTES, calendar, part_of, reboots, script
from koprogo_fleet.hosts.resources import Service, Timer

DAY = 24 * 60
REBOOT = {"days": ["sat", "sun"], "from": "03:00", "to": "05:00"}


def fleet_of(reboot: Any) -> Fleet:
    """Return a fleet of three servers and a worker."""
    return Fleet.model_validate(
        {
            "name": "f",
            "pools": [
                {"name": "cp", "role": "server", "count": 3, "flavor": "b2-7", "first_address": "10.0.0.11"},
                {"name": "worker", "role": "agent", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.21"},
            ],
            "k3s": {"version": "v1.33.4+k3s1"},
            "hardening": {"reboot": reboot} if reboot else {},
        }
    )


def times() -> st.SearchStrategy[str]:
    """Draw a time of the day."""
    return st.integers(0, DAY - 1).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")


@given(start=times(), end=times(), nodes=st.integers(1, 200))
def test_no_two_nodes_have_a_minute_in_common(start: str, end: str, nodes: int) -> None:
    """Whatever the window, each node's minutes are its own, all are within it, and a late start is within them, too."""
    window = RebootWindow.model_validate({"days": ["mon"], "from": start, "to": end})
    if window.minutes < nodes * 10:
        return
    parts = [part_of(window, nodes, index) for index in range(nodes)]
    taken = [(part.days_later * DAY + part.start + minute) for part in parts for minute in range(part.minutes)]

    assert len(set(taken)) == len(taken)
    assert max(taken) - min(taken) < window.minutes
    assert all(part.minutes >= 2 * LATEST_MINUTES for part in parts)


@pytest.mark.parametrize(
    ("words", "index", "expected"),
    [
        (REBOOT, 0, "Sat,Sun *-*-* 03:00:00 UTC"),
        (REBOOT, 3, "Sat,Sun *-*-* 04:30:00 UTC"),
        ({"days": ["sun"], "from": "23:00", "to": "01:00"}, 1, "Sun *-*-* 23:30:00 UTC"),
        ({"days": ["sun"], "from": "23:00", "to": "01:00"}, 2, "Mon *-*-* 00:00:00 UTC"),
    ],
)
def test_when(words: Any, index: int, expected: str) -> None:
    """The days are those on which the window begins; what is after midnight is a day later."""
    window = RebootWindow.model_validate(words)

    assert expected == calendar(window, part_of(window, 4, index))


def test_without_a_window_a_node_never_restarts() -> None:
    """The timer of an earlier fleet.yaml is switched off."""
    fleet = fleet_of(None)

    assert (Service("koprogo-reboot.timer", running=False, enabled=False),) == reboots(fleet, fleet.nodes[0])


def test_a_missed_time_is_not_made_up_for() -> None:
    """A node that was off in its minutes waits for the next ones: now they are another's."""
    fleet = fleet_of(REBOOT)

    assert [False] == [item.persistent for item in reboots(fleet, fleet.nodes[0]) if isinstance(item, Timer)]


@pytest.mark.parametrize(
    ("node", "minute", "asked", "ill", "said"),
    [
        (0, 180, True, "", "RESTARTED"),
        (0, 184, True, "", "RESTARTED"),
        (0, 185, True, "", "another node's"),
        (0, 179, True, "", "another node's"),
        (0, 180, False, "", "nothing asks"),
        (0, 180, True, "10.0.0.13", "etcd on 10.0.0.13 is not well"),
        (1, 210, True, "10.0.0.11", "etcd on 10.0.0.11 is not well"),
        (3, 270, True, "10.0.0.13", "RESTARTED"),
    ],
)
def test_the_program(tmp_path: Path, node: int, minute: int, asked: bool, ill: str, said: str) -> None:  # noqa: FBT001, PLR0913, PLR0917
    """It restarts only if asked to, in its minutes, and a server only with every member of etcd well."""
    fleet = fleet_of(REBOOT)
    window = fleet.hardening.reboot
    assert window is not None
    text = script(fleet, fleet.nodes[node], part_of(window, 4, node)).replace(ASKED_FOR, str(tmp_path / "asked"))
    if asked:
        (tmp_path / "asked").touch()
    programs = {
        "date": f"echo {minute * 60}",
        "curl": f"""case "$*" in *//{ill or "nobody"}:*) echo '{{"health":"false"}}';; *) echo '{{"health":"true"}}';; esac""",
        "systemctl": "echo RESTARTED",
    }
    for name, line in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)

    done = subprocess.run(
        ["sh"],
        input=text,
        text=True,
        capture_output=True,
        check=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )

    assert said in done.stdout
    assert ("RESTARTED" in done.stdout) is (said == "RESTARTED")
