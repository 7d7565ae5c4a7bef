"""The inventory of the nodes, the first contact with them, and their baseline."""

from __future__ import annotations

from functools import partial

from koprogo_fleet.core.events import Note
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.host_keys import remember_keys
from koprogo_fleet.workflows.inventory import sync_files
from koprogo_tasks import baseline as baseline_task
from koprogo_tasks import first_contact as first_contact_task

PLAN_SECONDS = 20.0


def inventory(run: Context) -> None:
    """Write what exists into the inventory files, and open them. A plan does so too: it is observed, not desired."""
    found = sync_files(run.api, run.fleet, run.directory)
    for host, reason in found.left_out:
        run.listener(Note(f"{host} is not in the inventory: {reason}"))
    run.open_inventory()


def first_contact(run: Context) -> None:
    """Wait until every node answers SSH as itself, and cloud-init has ended."""
    seconds = PLAN_SECONDS if run.dry_run else run.boot_seconds
    run.on_hosts(run.hosts, "First contact", first_contact_task, seconds=seconds, listener=run.listener)
    if not run.dry_run:
        remember_keys(run)


def baseline(run: Context) -> None:
    """Names, vRack, packages, time, kernel, storage, sshd and firewall of every node, all nodes at once."""
    signs = run.signatures
    certificates = partial(signs.on_node, run.known_hosts, dry_run=run.dry_run) if signs else None
    run.on_hosts(run.hosts, "Baseline", baseline_task, fleet=run.fleet, dry_run=run.dry_run, certificates=certificates)
