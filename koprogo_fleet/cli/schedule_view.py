"""How the jobs of a schedule are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from rich.table import Table

from koprogo_fleet.cli.render import people_console
from koprogo_fleet.cli.wording import duration
from koprogo_fleet.workflows.schedule.status import JobStatus


def as_data(job: JobStatus) -> dict[str, object]:
    """Return a job for machines; times are in UTC."""
    times = {name: moment.isoformat() if moment else None for name, moment in (("next", job.next), ("last", job.last))}
    return {**asdict(job), **times, "well": job.is_well}


def show_status(fleet: str, jobs: Sequence[JobStatus]) -> None:
    """Print a table for people; times are local."""
    table = Table("Job", "Timer", "Next", "Last", "Took", "Result", "Exit code", title=f"The schedule of {fleet}")
    for job in jobs:
        table.add_row(
            job.job,
            job.timer,
            _local(job.next),
            _local(job.last),
            "-" if job.seconds is None else duration(job.seconds),
            job.result,
            "-" if job.exit_code is None else str(job.exit_code),
        )
    people_console().print(table)


def _local(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else "-"
