"""``koprogo-fleet schedule``: runs that nobody has to think of, by systemd's timers or another scheduler."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Environment, Inventory, Json, Yes
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_NOT_CONVERGED, EXIT_OK

if TYPE_CHECKING:
    from koprogo_fleet.core.fleet import Fleet
    from koprogo_fleet.workflows.schedule.install import SchedulePlan
    from koprogo_fleet.workflows.schedule.jobs import Job
    from koprogo_fleet.workflows.schedule.unit_texts import Place

app = typer.Typer(
    help="Rotation of due secrets, drift and the check of snapshots, at their times and without anybody.",
    no_args_is_help=True,
)


class Scheduler(StrEnum):
    """What ``--print`` may be."""

    CRONJOB = "cronjob"
    GITHUB = "github"
    SYSTEMD = "systemd"


Root = Annotated[
    Path | None,
    typer.Option(
        "--root", metavar="DIR", help="Do it in the system image below this folder, where nothing is started."
    ),
]
Textfile = Annotated[
    Path | None,
    typer.Option(
        "--textfile",
        metavar="DIR",
        help="Where results go as metrics: the folder of node_exporter's textfile collector.",
        envvar="KOPROGO_TEXTFILE_DIR",
    ),
]


@app.command()
def install(
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at", metavar="JOB=TIME", help="Another time for a job, as systemd.time(7) has it; for each job."
        ),
    ] = None,
    job: Annotated[
        list[str] | None, typer.Option("--job", metavar="JOB", help="Only this job; may be repeated. By default, all.")
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(
            "--credentials",
            metavar="DIR",
            help="Root's files, named as the variables that they stand for; by default /etc/koprogo-fleet/FLEET.credentials.",
        ),
    ] = None,
    credential: Annotated[
        list[str] | None,
        typer.Option("--credential", metavar="NAME", help="Such a file that is not there yet; may be repeated."),
    ] = None,
    textfile: Textfile = None,
    show: Annotated[
        Scheduler | None,
        typer.Option("--print", help="Change nothing; print units, or what another scheduler needs for the same jobs."),
    ] = None,
    image: Annotated[
        str, typer.Option("--image", help="For --print cronjob: an image that has this program.")
    ] = "koprogo-fleet:latest",
    program: Annotated[
        Path | None,
        typer.Option("--program", metavar="PATH", help="Where the program of the units is, if not where this one is."),
    ] = None,
    root: Root = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """
    Install systemd timers on this machine: they work on OVH, as a user of their own, locked down. Shows what differs and asks.

    Again, it changes nothing; with other options, only what differs. Times that passed while the machine was off are made
    up for once.

    Example: koprogo-fleet schedule install --env production

    Example: koprogo-fleet schedule install --at drift=hourly --textfile /var/lib/prometheus/node-exporter --yes

    Example: koprogo-fleet schedule install --print cronjob
    """
    from koprogo_fleet.workflows.schedule.install import (
        check_units,
        check_visible,
        credentials_directory,
        find_credentials,
        plan_install,
    )
    from koprogo_fleet.workflows.schedule.jobs import chosen_jobs
    from koprogo_fleet.workflows.schedule.systemd import check_running
    from koprogo_fleet.workflows.schedule.unit_texts import Place
    from koprogo_fleet.workflows.units import installed_program

    root = root.absolute() if root else None
    if root is None and show is None:
        check_running()
    fleet, env = _fleet(inventory, environment, root)
    jobs = chosen_jobs(job or (), at or ())
    place = Place(
        fleet=fleet.name,
        program=program.absolute() if program else installed_program(),
        inventory=inventory.absolute(),
        environment=env,
        textfile=textfile.absolute() if textfile else None,
    )
    if show in {Scheduler.CRONJOB, Scheduler.GITHUB}:
        sys.stdout.write(_printed(show, jobs, place, image))
        return
    there = credentials.absolute() if credentials else credentials_directory(fleet.name)
    place = _with_credentials(place, find_credentials(there, credential or (), root))
    check_visible((place.program, place.inventory, *([place.textfile] if place.textfile else [])))
    if show:
        sys.stdout.write(_printed(show, jobs, place, image))
        return
    check_units(jobs, place, root)
    if not place.credentials:
        sys.stderr.write(f"No run will be able to log in: {there} has no file such as VAULT_TOKEN or OVH_ENDPOINT.\n")
    _apply(plan_install(jobs, place, root), f"The schedule of {fleet.name}", yes=yes, as_json=as_json)


@app.command()
def remove(
    root: Root = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """
    Remove what install has written for the fleet, and nothing else. Shows it and asks; a run that goes on is let end.

    The account of the runs stays, and its state in /var/lib/koprogo-fleet: the fleet's SSH key and journal are there.

    Example: koprogo-fleet schedule remove --env production
    """
    from koprogo_fleet.workflows.schedule.install import plan_remove

    root = root.absolute() if root else None
    fleet, _ = _fleet(inventory, environment, root)
    _apply(plan_remove(fleet.name, root), f"The schedule of {fleet.name}", yes=yes, as_json=as_json)


@app.command()
def status(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """
    Show when each job runs next, when it ran last, and how that ended. Exit code 1 if one failed or is not going to run.

    Example: koprogo-fleet schedule status

    Example: koprogo-fleet schedule status --json
    """
    from koprogo_fleet.cli.schedule_view import as_data, show_status
    from koprogo_fleet.workflows.schedule.status import schedule_status

    fleet, _ = _fleet(inventory, environment, None)
    jobs = schedule_status(fleet.name)
    well = all(job.is_well for job in jobs)
    if as_json:
        sys.stdout.write(json.dumps({"fleet": fleet.name, "well": well, "jobs": [as_data(job) for job in jobs]}) + "\n")
    else:
        show_status(fleet.name, jobs)
    raise typer.Exit(EXIT_OK if well else EXIT_NOT_CONVERGED)


@app.command("run")
def run_(
    job: Annotated[str, typer.Argument(metavar="JOB", help="rotation, drift or snapshots.")],
    textfile: Textfile = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
) -> None:
    """
    Run a job now, as the timer does: its output and its exit code are the command's own, and the result is written down.

    Example: koprogo-fleet schedule run drift --textfile /var/lib/prometheus/node-exporter
    """
    from koprogo_fleet.workflows.schedule.jobs import job_named
    from koprogo_fleet.workflows.schedule.run import run_job
    from koprogo_fleet.workflows.units import installed_program

    chosen = job_named(job)
    fleet, env = _fleet(inventory, environment, None)
    options = ("--inventory", str(inventory.absolute()), "--env", env, "--target", "ovh")
    ended = run_job(chosen, fleet.name, installed_program(), options, textfile)
    raise typer.Exit(ended.exit_code)


def _fleet(inventory: Path, environment: str | None, root: Path | None) -> tuple[Fleet, str]:
    """Return the fleet, and its environment: a schedule is for OVH, and needs no credentials to be set up."""
    import os

    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.workflows.schedule.install import inside
    from koprogo_fleet.workflows.target import PRODUCTION

    env = environment or os.environ.get("KOPROGO_ENV") or PRODUCTION
    return load_fleet(inside(root, inventory.absolute()) / env / "fleet.yaml"), env


def _with_credentials(place: Place, credentials: tuple[Path, ...]) -> Place:
    from dataclasses import replace

    return replace(place, credentials=credentials)


def _printed(scheduler: Scheduler, jobs: Sequence[Job], place: Place, image: str) -> str:
    from koprogo_fleet.workflows.schedule.cronjob import cronjobs
    from koprogo_fleet.workflows.schedule.github import workflow
    from koprogo_fleet.workflows.schedule.unit_texts import files

    if scheduler is Scheduler.CRONJOB:
        return cronjobs(jobs, place, image)
    if scheduler is Scheduler.GITHUB:
        return workflow(jobs, place)
    return "\n".join(f"# {path}\n{text}" for path, text in files(jobs, place).items())


def _apply(plan: SchedulePlan, title: str, *, yes: bool, as_json: bool) -> None:
    """Show a plan, ask, and do it; exit code 3 where a person says no."""
    from koprogo_fleet.cli.confirm import agreed
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.results import show_differences
    from koprogo_fleet.cli.wording import count
    from koprogo_fleet.core.errors import InputError
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.schedule.install import carry_out

    if as_json and not yes:
        raise InputError("--json cannot ask for a confirmation", next_step="add --yes")
    told = [str(difference) for difference in plan.differences]
    if not as_json:
        show_differences(people_console(), title, Report(differences=list(plan.differences)))
    if told and not (yes or agreed("Do this?", "the same with --yes")):
        raise typer.Exit(EXIT_CHANGES)
    if told:
        carry_out(plan)
    sys.stdout.write(json.dumps({"changed": told}) + "\n" if as_json else f"{count(len(told), 'change')}.\n")
