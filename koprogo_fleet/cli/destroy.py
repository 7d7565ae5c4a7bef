"""``koprogo-fleet destroy``: the end of a fleet."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    Inventory,
    Json,
    LabName,
    LogPath,
    Target,
)
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK

if TYPE_CHECKING:
    from koprogo_fleet.provision.plan import Plan


def destroy(
    inventory: Inventory = DEFAULT_INVENTORY,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Only show what would be deleted. Exit code 3 if anything would.")
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="FLEET", help="The fleet's name, where no terminal can ask for it."),
    ] = None,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Delete everything that bears the fleet's names at OVH, with all data, in the right order; then prove that nothing is left.

    Orphans go, too. The inventory files, the host keys of the nodes and the kubeconfig are removed with them; the secrets in
    Vault, the fleet's SSH key and the journals of its runs stay. After an error, run it again.

    Example: koprogo-fleet destroy --plan

    Example: koprogo-fleet destroy --confirm koprogo-dev --json
    """
    from koprogo_fleet.cli.cloud_view import plan_as_json, show_plan
    from koprogo_fleet.cli.confirm import typed
    from koprogo_fleet.cli.opening import cloud_here, cloud_run, progress
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.workflows.destroy import destroy_fleet, plan_destruction
    from koprogo_fleet.workflows.run import Report

    if only_plan:
        with progress(quiet=as_json) as listener:
            here = cloud_here(inventory, target, lab, listener)
            found = plan_destruction(here.fleet, here.target, listener)
        if as_json:
            sys.stdout.write(json.dumps(plan_as_json(found, here.target.kind)) + "\n")
        else:
            show_plan(people_console(), found, nothing="Nothing at OVH bears the fleet's names.")
        raise typer.Exit(EXIT_CHANGES if found.steps else EXIT_OK)

    with cloud_run(inventory, target, lab, log_file=log_file, as_json=as_json) as run:

        def name(wanted: Plan) -> frozenset[str]:
            run.view.differences("Plan", Report(differences=list(wanted.differences)))
            if confirm is not None or as_json:
                return frozenset(filter(None, [confirm]))
            return typed([wanted.fleet.name], "All of this is deleted, with its data")

        here = run.here
        destroy_fleet(here.fleet, here.directory, here.target, run.view.event, report=run.report, confirm=name)
        run.ended()
