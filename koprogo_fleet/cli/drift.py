"""``koprogo-fleet drift``: whether OVH is still as fleet.yaml says; made for a schedule."""

from __future__ import annotations

import json
import sys

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, DEFAULT_LAB, Environment, Inventory, Json, LabName, Target
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK


def drift(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
) -> None:
    """
    Compare what OVH shows with fleet.yaml: a line for each difference and exit code 3, or nothing and exit code 0.

    What bears the fleet's name and is not in fleet.yaml counts, too. Nothing is changed, and no node is logged in to.

    Example: koprogo-fleet drift

    Example: koprogo-fleet drift --target ovh --json
    """
    from koprogo_fleet.cli.cloud_view import plan_as_json
    from koprogo_fleet.cli.opening import cloud_here, progress
    from koprogo_fleet.cli.wording import one_line
    from koprogo_fleet.workflows.cloud import plan_cloud

    with progress(quiet=as_json) as listener:
        here = cloud_here(inventory, target, lab, listener, environment)
        wanted = plan_cloud(here.fleet, here.target, listener)
    told = [*(str(difference) for difference in wanted.differences), *(note.text for note in wanted.notes)]
    if as_json:
        sys.stdout.write(json.dumps({"drifted": bool(told), **plan_as_json(wanted, here.target.kind)}) + "\n")
    else:
        sys.stdout.writelines(f"{one_line(text)}\n" for text in told)
    raise typer.Exit(EXIT_CHANGES if told else EXIT_OK)
