"""``koprogo-fleet slo``: whether the fleet keeps what was promised."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Environment, Inventory, Json, Target
from koprogo_fleet.core.errors import EXIT_NOT_CONVERGED, EXIT_OK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table

    from koprogo_fleet.slo.model import Objective, Objectives
    from koprogo_fleet.slo.verdict import Judged
    from koprogo_fleet.workflows.target import Choice

COLOURS = {"pass": "green", "fail": "red", "no data": "yellow"}
SIGNS = {"below": "<", "at_most": "<=", "at_least": ">=", "above": ">"}


def slo(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    prometheus: Annotated[
        str | None,
        typer.Option(
            "--prometheus",
            metavar="URL",
            help="Ask this Prometheus; by default the one in the cluster that slo.yaml names, through the SSH tunnel.",
        ),
    ] = None,
    allow_no_data: Annotated[
        bool, typer.Option("--allow-no-data", help="An objective that has no data does not count as one that fails.")
    ] = False,
    as_json: Json = False,
) -> None:
    """
    Ask Prometheus whether the objectives of slo.yaml are met: pass, fail or no data for each.

    Exit code 1 where one fails, and where one has no data: what nobody measured is not proven.

    Example: koprogo-fleet slo

    Example: koprogo-fleet slo --prometheus http://127.0.0.1:9090 --allow-no-data --json
    """
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.events import ignore
    from koprogo_fleet.slo.model import load_objectives
    from koprogo_fleet.slo.verdict import Verdict
    from koprogo_fleet.workflows.target import choose

    choice = choose(target, environment)
    directory = ensure_inventory(inventory, choice.environment, ignore)
    wanted = load_objectives(directory / "slo.yaml")
    judged = _measured(wanted, directory, choice, prometheus, quiet=as_json)
    bad = {Verdict.FAIL} if allow_no_data else {Verdict.FAIL, Verdict.NO_DATA}
    met = not any(item.verdict in bad for item in judged)
    if as_json:
        sys.stdout.write(json.dumps({"met": met, "objectives": [_as_object(item) for item in judged]}) + "\n")
    else:
        people_console().print(_table(judged))
    raise typer.Exit(EXIT_OK if met else EXIT_NOT_CONVERGED)


def _measured(
    wanted: Objectives, directory: Path, choice: Choice, prometheus: str | None, *, quiet: bool
) -> Sequence[Judged]:
    from koprogo_fleet.cli.opening import progress
    from koprogo_fleet.slo.prometheus import asking
    from koprogo_fleet.workflows.slo import measure, through_the_cluster

    if prometheus is not None:
        return measure(wanted.objectives, asking(prometheus))
    with (
        progress(quiet=quiet) as listener,
        through_the_cluster(directory, choice, wanted.prometheus, listener) as ask,
    ):
        return measure(wanted.objectives, ask)


def _as_object(judged: Judged) -> dict[str, Any]:
    objective, worst = judged.objective, judged.worst
    name, bound = objective.bound
    return {
        "name": objective.name,
        "verdict": str(judged.verdict),
        "value": None if worst is None else worst.value,
        "labels": None if worst is None else dict(worst.labels),
        "bound": name,
        "of": bound,
        "unit": objective.unit,
        "why": objective.why,
    }


def _table(judged: Sequence[Judged]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("Objective", "Is", "Wanted", "Worst value", "Of", "Why", title="Service level objectives")
    for item in judged:
        value = "" if item.worst is None else _amount(item.worst.value, item.objective)
        whose = "" if item.worst is None else ", ".join(f"{key}={text}" for key, text in item.worst.labels.items())
        name, bound = item.objective.bound
        table.add_row(
            item.objective.name,
            f"[{COLOURS[item.verdict]}]{item.verdict}[/]",
            f"{SIGNS[name]} {_amount(bound, item.objective)}",
            value,
            escape(whose),
            escape(item.objective.why),
        )
    return table


def _amount(value: float, objective: Objective) -> str:
    return f"{value:.6g} {objective.unit}".strip()
