"""``koprogo-fleet harden``: the baseline of the nodes alone, and how each control of the CIS guides is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    Environment,
    Inventory,
    Json,
    LabName,
    Target,
    Yes,
)
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_NOT_CONVERGED, EXIT_OK, InputError

if TYPE_CHECKING:
    from koprogo_fleet.workflows.harden import Hardened


def harden(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    look: Annotated[
        bool, typer.Option("--report", help="Only look. Exit code 3 if a control is not as it should be.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write the report as a page of its own.")
    ] = None,
) -> None:
    """
    Bring the baseline of every node about, and tell how each control is: pass, fixed, fail, or not applicable, and why.

    It is firewall, sshd, fail2ban, audit, kernel, clock, logs, upgrades, people and storage. The plan is shown first, and
    nothing is changed before it is agreed to. Kubernetes is left alone.

    Example: koprogo-fleet harden --report

    Example: koprogo-fleet harden --report --json --html hardening.html

    Example: koprogo-fleet harden --yes
    """
    from koprogo_fleet.cli.confirm import agreed
    from koprogo_fleet.cli.hardening import as_page, as_plain_values, show
    from koprogo_fleet.cli.opening import cloud_here, progress
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.results import show_differences
    from koprogo_fleet.core.files import write_atomically
    from koprogo_fleet.workflows import harden as workflow
    from koprogo_fleet.workflows.run import Report

    if as_json and not (look or yes):
        raise InputError("--json cannot ask for a confirmation", next_step="add --yes, or look first: --report")
    with progress(quiet=as_json) as listener:
        here = cloud_here(inventory, target, lab, listener, environment)
        where = (here.fleet, here.directory, here.target)
        planned = Report()
        result = workflow.report(*where, listener, planned) if look or not yes else None
    # A fleet of which a node cannot even be looked at is not changed.
    if result is None or not (look or result.failed or not planned.changed):
        if not yes:
            show_differences(people_console(), "Plan", planned)
            if not agreed("Apply this plan?", "koprogo-fleet harden --yes"):
                raise typer.Exit(EXIT_CHANGES)
        with progress(quiet=as_json) as listener:
            result = workflow.harden(*where, listener, Report())
    if html is not None:
        write_atomically(html, as_page(here.fleet.name, result))
    if as_json:
        sys.stdout.write(json.dumps(as_plain_values(here.fleet.name, result)) + "\n")
    else:
        show(people_console(), result)
    raise typer.Exit(_exit_code(result))


def _exit_code(result: Hardened) -> int:
    if result.failed:
        return EXIT_NOT_CONVERGED
    return EXIT_OK if result.all_pass else EXIT_CHANGES
