"""What runs on a schedule: one row a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.wording import did_you_mean


@dataclass(frozen=True)
class Job:
    """
    One scheduled command.

    Attributes:
        name: in the names of units and in metrics.
        title: for people.
        command: the words after ``koprogo-fleet``, without those that name the fleet.
        calendar: when, as systemd's ``OnCalendar=`` has it.
        delay: up to how many seconds later it starts, at random.
        minutes: how long it may take.
        writes_inventory: it changes files of the inventory.
    """

    name: str
    title: str
    command: tuple[str, ...]
    calendar: str
    delay: int
    minutes: int
    writes_inventory: bool = False


JOBS = (
    Job(
        "rotation",
        "rotation of due secrets",
        ("secrets", "rotate", "--due", "--yes", "--json"),
        "*-*-* 02:30:00",
        delay=3600,
        minutes=120,
        writes_inventory=True,
    ),
    Job("drift", "comparison of OVH with fleet.yaml", ("drift", "--json"), "*-*-* 00/6:15:00", delay=900, minutes=30),
    Job(
        "snapshots",
        "check of the newest snapshot of etcd",
        ("etcd", "verify", "--json"),
        "*-*-* 04:45:00",
        delay=1800,
        minutes=60,
    ),
)


def job_named(name: str) -> Job:
    """
    Return the job of this name.

    Raises:
        InputError: there is none.
    """
    for job in JOBS:
        if job.name == name:
            return job
    known = [job.name for job in JOBS]
    raise InputError(f'there is no job "{name}"{did_you_mean(name, known)}', next_step=f"one of {', '.join(known)}")


def chosen_jobs(names: Sequence[str] = (), times: Sequence[str] = ()) -> tuple[Job, ...]:
    """
    Return the jobs of these *names*, or all, with other *times*: ``drift=hourly``.

    Raises:
        InputError: a name is none, or a time is not of that form, or of a job that was not chosen.
    """
    jobs: Mapping[str, Job] = {job.name: job for job in (map(job_named, names) if names else JOBS)}
    for text in times:
        name, _, calendar = text.partition("=")
        if not calendar.strip() or "\n" in calendar:
            raise InputError(f'"{text}" is no time of a job', next_step="write it as drift=hourly")
        if job_named(name).name not in jobs:
            raise InputError(f"{name} has a time, and is not to be installed", next_step=f"add --job {name}")
        jobs = {**jobs, name: replace(jobs[name], calendar=calendar.strip())}
    return tuple(jobs.values())
