"""How a job is, from what systemd shows and the last run wrote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from koprogo_fleet.workflows.schedule.last_run import LastRun
from koprogo_fleet.workflows.schedule.status import JobStatus, job_status, moment

TIMER = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "NextElapseUSecRealtime": "Tue 2026-11-24 02:30:00 UTC",
    "LastTriggerUSec": "Mon 2026-11-23 02:30:00 UTC",
}
NEXT = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
BEGAN = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
RAN = {
    "ActiveState": "inactive",
    "Result": "success",
    "ExecMainStatus": "0",
    "ExecMainStartTimestamp": "Mon 2026-11-23 02:30:00 UTC",
    "ExecMainExitTimestamp": "Mon 2026-11-23 02:30:07 UTC",
}
BOOTED = {**RAN, "ExecMainStartTimestamp": "", "ExecMainExitTimestamp": ""}
FAILED = {**RAN, "ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "3"}
T = BEGAN.timestamp()


@pytest.mark.parametrize(
    ("service", "written", "expected"),
    [
        pytest.param(BOOTED, None, JobStatus("drift", "active", NEXT), id="never"),
        pytest.param(
            RAN,
            LastRun("drift", T + 0.4, T + 6.9, 0, T + 6.9),
            JobStatus("drift", "active", NEXT, datetime.fromtimestamp(T + 0.4, UTC), 6.5, "success", 0),
            id="as the run wrote it",
        ),
        pytest.param(
            FAILED,
            LastRun("drift", T + 0.5, T + 2, 3, None),
            JobStatus("drift", "active", NEXT, datetime.fromtimestamp(T + 0.5, UTC), 1.5, "exit-code", 3),
            id="failed",
        ),
        pytest.param(
            BOOTED,
            LastRun("drift", T, T + 1, 1, None),
            JobStatus("drift", "active", NEXT, BEGAN, 1.0, "exit-code", 1),
            id="before the boot",
        ),
        pytest.param(
            {**FAILED, "ExecMainStatus": "243"},
            LastRun("drift", T - 86400, T - 86399, 0, T - 86399),
            JobStatus("drift", "active", NEXT, BEGAN, 7.0, "exit-code", 243),
            id="credentials were missing: yesterday's success does not count",
        ),
        pytest.param(
            {**RAN, "ActiveState": "failed", "Result": "oom-kill", "ExecMainStatus": "9"},
            LastRun("drift", T - 86400, T - 86399, 0, T - 86399),
            JobStatus("drift", "active", NEXT, BEGAN, 7.0, "oom-kill", 9),
            id="killed",
        ),
        pytest.param(
            {**RAN, "ActiveState": "activating", "ExecMainExitTimestamp": ""},
            LastRun("drift", T - 86400, T - 86399, 1, None),
            JobStatus("drift", "active", NEXT, BEGAN, None, "running"),
            id="running",
        ),
        pytest.param(
            {**BOOTED, "ActiveState": "failed", "Result": "resources", "ExecMainStatus": "0"},
            None,
            JobStatus("drift", "active", NEXT, BEGAN, None, "resources", 0),
            id="never came to its command",
        ),
    ],
)
def test_one_job(service: Mapping[str, str], written: LastRun | None, expected: JobStatus) -> None:
    """What began last is told, by whoever knows how it ended."""
    assert expected == job_status("drift", TIMER, service, written)


def test_a_timer_that_is_not_there() -> None:
    """A job whose timer is missing or stopped is not well, whatever its last run was."""
    run = LastRun("drift", T, T + 1, 0, T + 1)
    missing = job_status("drift", {"LoadState": "not-found", "ActiveState": "inactive"}, BOOTED, run)
    stopped = job_status("drift", {**TIMER, "ActiveState": "inactive", "NextElapseUSecRealtime": ""}, BOOTED, run)

    assert ("not installed", False) == (missing.timer, missing.is_well)
    assert ("inactive", None, False) == (stopped.timer, stopped.next, stopped.is_well)
    assert job_status("drift", TIMER, BOOTED, run).is_well


@pytest.mark.parametrize("text", ["", "n/a", "0", "Mon 2026-11-23 02:30:00 CET"])
def test_no_time(text: str) -> None:
    """What is no time in UTC is none."""
    assert moment(text) is None
