"""When each job runs next, and how it ran last: what systemd shows, and what the run itself wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from koprogo_fleet.workflows.schedule import systemd
from koprogo_fleet.workflows.schedule.jobs import JOBS, Job
from koprogo_fleet.workflows.schedule.last_run import LastRun, remembered
from koprogo_fleet.workflows.schedule.unit_texts import STATE, unit_name

TIMER_PROPERTIES = ("LoadState", "ActiveState", "NextElapseUSecRealtime", "LastTriggerUSec")
SERVICE_PROPERTIES = ("ActiveState", "Result", "ExecMainStatus", "ExecMainStartTimestamp", "ExecMainExitTimestamp")
NEVER, RUNNING, SUCCESS, EXIT_CODE = "never", "running", "success", "exit-code"


@dataclass(frozen=True)
class JobStatus:
    """
    One job.

    Attributes:
        timer: "active", "inactive", or "not installed".
        next: when it runs next, without its random delay; None where that is not known.
        last: when it began last.
        seconds: how long that took.
        result: "never", "running", "success", "exit-code", or what else systemd calls a failure: "timeout", "oom-kill".
        exit_code: of the last run.
    """

    job: str
    timer: str
    next: datetime | None = None
    last: datetime | None = None
    seconds: float | None = None
    result: str = NEVER
    exit_code: int | None = None

    @property
    def is_well(self) -> bool:
        """Whether it is going to run, and nothing was wrong the last time."""
        return self.timer == "active" and self.result in {NEVER, RUNNING, SUCCESS}


def schedule_status(fleet: str) -> tuple[JobStatus, ...]:
    """
    Return how the jobs of a fleet are, on this machine.

    Raises:
        KoprogoError: systemd does not run here, or what was written down cannot be read.
    """
    systemd.check_running()
    return tuple(_look(fleet, job) for job in JOBS)


def _look(fleet: str, job: Job) -> JobStatus:
    timer = systemd.show(unit_name(fleet, job.name, "timer"), TIMER_PROPERTIES)
    service = systemd.show(unit_name(fleet, job.name, "service"), SERVICE_PROPERTIES)
    return job_status(job.name, timer, service, remembered(Path(STATE, fleet), job.name))


def job_status(job: str, timer: Mapping[str, str], service: Mapping[str, str], written: LastRun | None) -> JobStatus:
    """
    Put together what *timer* and *service* show, and what the last run has *written*.

    systemd forgets with each boot how a service ended, and knows alone of a run that never began, or was killed.
    """
    state = "not installed" if timer.get("LoadState") != "loaded" else timer.get("ActiveState", "inactive")
    soon = moment(timer.get("NextElapseUSecRealtime", ""))
    began, ended = (moment(service.get(f"ExecMain{what}Timestamp", "")) for what in ("Start", "Exit"))
    if service.get("ActiveState") in {"activating", "active"}:
        return JobStatus(job, state, soon, began, None, RUNNING)
    result = service.get("Result", SUCCESS)
    if written and (result == SUCCESS or (result == EXIT_CODE and began is not None)) and _is_of(written, began):
        return JobStatus(
            job,
            state,
            soon,
            datetime.fromtimestamp(written.started, UTC),
            round(written.seconds, 3),
            SUCCESS if written.is_success else EXIT_CODE,
            written.exit_code,
        )
    if began is None and result == SUCCESS:
        return JobStatus(job, state, soon)
    seconds = (ended - began).total_seconds() if began and ended else None
    last = began or moment(timer.get("LastTriggerUSec", ""))
    return JobStatus(job, state, soon, last, seconds, result, int(service.get("ExecMainStatus") or 0))


def moment(text: str) -> datetime | None:
    """Return a time that systemd has printed, "Mon 2026-11-23 22:00:00 UTC"; None where it has none."""
    try:
        return datetime.strptime(text.partition(" ")[2], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    except ValueError:
        return None


def _is_of(written: LastRun, began: datetime | None) -> bool:
    """Return whether the run that systemd saw begin last is the written one, or none was since the boot."""
    return began is None or written.started >= began.timestamp()
