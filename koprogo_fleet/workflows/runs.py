"""The runs of a fleet: what each did, and which of them is to be resumed."""

from __future__ import annotations

from pathlib import Path

from koprogo_fleet.core import runs
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.core.runs import DONE, Run

LIST = "koprogo-fleet runs list"
PROVISION = "provision"


def list_runs(directory: Path) -> tuple[Run, ...]:
    """Return the runs of the fleet described in *directory*, the oldest first."""
    return runs.list_runs(state_dir(load_fleet(directory / "fleet.yaml").name))


def find_run(directory: Path, run_id: str | None) -> Run:
    """
    Return one run.

    Args:
        directory: ``inventory/<env>``.
        run_id: the whole id, or a part of it that no other run's has; None stands for the newest.

    Raises:
        InputError: there is none, or more than one.
    """
    known = list_runs(directory)
    found = [run for run in known if (run_id or "") in run.id]
    if not found:
        what = f"no run has {run_id} in its id" if run_id else "there are no runs yet"
        raise InputError(what, next_step=LIST if known else "koprogo-fleet provision")
    if run_id and len(found) > 1:
        raise InputError(f"{run_id} is in the ids of {len(found)} runs", next_step=f"{LIST}, and give more of the id")
    return found[-1]


def run_to_resume(directory: Path, run_id: str | None) -> Run:
    """
    Return a run that was killed or failed, and whose command is known.

    Raises:
        InputError: as :func:`find_run`; or it still runs, or has done all it should, or was begun by a script.
    """
    run = find_run(directory, run_id)
    if run.running:
        raise InputError(
            f"the run {run.id} still runs: there is nothing to resume",
            next_step="wait until it ends; koprogo-fleet runs show tells how far it is",
        )
    if run.outcome == DONE:
        raise InputError(f"the run {run.id} is done: there is nothing to resume", next_step=LIST)
    if run.command != PROVISION:
        raise InputError(
            f"the run {run.id} was koprogo-fleet {run.command}: only a provision is resumed",
            cause="what it was told to do may not be right any more",
            next_step=f"koprogo-fleet {run.command}: it looks at everything anew",
        )
    if not run.arguments:
        raise InputError(
            f"the journal of the run {run.id} does not say how it was begun",
            cause="a script began it, not the command line",
            next_step="run that script again: it goes on from there",
        )
    return run
