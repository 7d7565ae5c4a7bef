"""systemd's times in cron's words, and which jobs get them."""

from __future__ import annotations

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from koprogo_fleet.cli.app import app
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.workflows.schedule.cron import cron_expression
from koprogo_fleet.workflows.schedule.jobs import JOBS, Job, chosen_jobs


@pytest.mark.parametrize(
    ("calendar", "cron"),
    [
        ("hourly", "0 * * * *"),
        ("weekly", "0 0 * * 1"),
        ("*-*-* 02:30:00", "30 2 * * *"),
        ("02:30", "30 2 * * *"),
        ("*-*-* *:00/15:00", "0-59/15 * * * *"),
        ("*-*-* 00/6:15:00", "15 0-23/6 * * *"),
        ("*-*-01 04:05", "5 4 1 * *"),
        ("Mon..Fri 08,12:00", "0 8,12 * * 1-5"),
        ("Sat..Sun *-*-* 9..17:30", "30 9-17 * * 6-6,0"),
        ("Mon,Wed 01:00:0", "0 1 * * 1,3"),
    ],
)
def test_times_in_cron(calendar: str, cron: str) -> None:
    """A time means the same in both."""
    assert cron == cron_expression(calendar)


@pytest.mark.parametrize(
    "calendar",
    [
        "25:00",
        "02:60",
        "02:30:15",
        "Mon *-*-13 02:30",
        "2026-01-01 02:30",
        "Fri..Tue 01:00",
        "mon 01:00",
        "0/0:00",
        "x",
    ],
)
def test_times_that_cron_has_not(calendar: str) -> None:
    """They are refused, and not turned into others."""
    with pytest.raises(InputError) as caught:
        cron_expression(calendar)

    assert caught.value.next_step


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_default_times_are_any_schedulers(job: Job) -> None:
    """The times of the table can be written for cron."""
    assert 5 == len(cron_expression(job.calendar).split())


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_what_jobs_run_exists(job: Job) -> None:
    """The command of a job, with its options and those that name the fleet, is one of ours."""
    command, words = get_command(app), [*job.command, "--inventory", "x", "--env", "y", "--target", "ovh"]
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]

    command.make_context("koprogo-fleet", words)


def test_chosen_jobs() -> None:
    """All by default; with names, those; a time is the job's that it names."""
    assert JOBS == chosen_jobs()
    assert [("drift", "hourly")] == [(job.name, job.calendar) for job in chosen_jobs(["drift"], ["drift=hourly"])]


@pytest.mark.parametrize(
    ("names", "times"),
    [(["drfit"], []), ([], ["drift"]), ([], ["drift="]), (["drift"], ["rotation=daily"]), ([], ["x=daily"])],
)
def test_what_cannot_be_chosen(names: list[str], times: list[str]) -> None:
    """An unknown job, no time, and a time for a job that is left out are mistakes."""
    with pytest.raises(InputError):
        chosen_jobs(names, times)
