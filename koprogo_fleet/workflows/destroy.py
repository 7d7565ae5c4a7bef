"""The end of a fleet: everything that bears its names at OVH, and what is recorded of it here."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.inventory.documents import FILES, KNOWN_HOSTS
from koprogo_fleet.inventory.sync import hosts_before
from koprogo_fleet.provision.apply import destroy
from koprogo_fleet.provision.plan import Plan, destroy_plan
from koprogo_fleet.secrets.sealing.pin import FILE as SEALING_KEY
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.workflows.access import KUBECONFIG
from koprogo_fleet.workflows.cloud import Confirm, changing
from koprogo_fleet.workflows.ovh import FleetAtOvh, open_fleet
from koprogo_fleet.workflows.run import Phase, Report, run_phases
from koprogo_fleet.workflows.target import CloudTarget


def plan_destruction(fleet: Fleet, target: CloudTarget, listener: Listener) -> Plan:
    """
    Return the plan that deletes everything that bears the fleet's names; only lists are read.

    Raises:
        OvhError: the API refuses, or gives no answer.
    """
    with open_fleet(fleet, target, listener) as here:
        return destroy_plan(here.observe(), fleet)


def destroy_fleet(  # noqa: PLR0913 - what it needs, by name
    fleet: Fleet, directory: Path, target: CloudTarget, listener: Listener, *, report: Report, confirm: Confirm
) -> None:
    """
    Delete everything that bears the fleet's names, prove that nothing is left, and forget the nodes that are gone.

    It may be run again after anything: what is gone already is not missed. Secrets in Vault, the fleet's SSH key and its
    journals stay.

    Args:
        fleet: whose names.
        directory: ``inventory/<env>``.
        target: where.
        listener: is told what happens.
        report: takes the differences.
        confirm: shown the plan before anything is done; returns the fleet's name if a person agreed.

    Raises:
        NotConverged: the fleet's name was not given, and nothing was done; or something is left.
        OvhConflict: OVH shows other objects than it did for the plan.
    """
    with changing(fleet, "destroy", target, listener) as journal, open_fleet(fleet, target, listener) as ovh:
        shown = destroy_plan(ovh.observe(), fleet)
        if fleet.name not in confirm(shown):
            raise NotConverged(
                f"nothing was deleted: the name of the fleet, {fleet.name}, was not given",
                cause="all that the fleet has at OVH would be lost, with its data",
                next_step=f"koprogo-fleet destroy --confirm {fleet.name}, or run it on a terminal and type the name",
            )

        def cloud(ovh: FleetAtOvh) -> None:
            report.differences += shown.differences
            everything = frozenset(step.ref.name for step in shown.steps)
            destroy(shown, ovh.api, confirmed=everything, keeper=ovh.keeper, listener=listener)
            listener(Note(f"looked again: nothing at OVH bears the names of {fleet.name} any more"))

        def here(_ovh: FleetAtOvh) -> None:
            forget(fleet, directory, {step.ref.name for step in shown.steps}, listener)

        phases = (Phase("Cloud: everything goes", cloud), Phase("Inventory: the nodes are forgotten", here))
        run_phases(phases, ovh, report, listener, step=journal.step)


def forget(fleet: Fleet, directory: Path, gone: Collection[str], listener: Listener) -> None:
    """
    Remove what is recorded of the fleet: inventory files, host keys, the trusted sealing key, the kubeconfig.

    Host keys of its nodes and of what is *gone* go. Those of anything else, a jump host above all, stay.
    """
    names = {*gone, *(node.name for node in fleet.nodes), *hosts_before(directory / "hosts.yaml")}
    known_hosts = KnownHosts(directory / KNOWN_HOSTS)
    forgotten = sorted(name for name in names if known_hosts.get(name) is not None)
    for name in forgotten:
        known_hosts.remove(name)
    files = [*(directory / name for name in (*FILES, SEALING_KEY)), state_dir(fleet.name) / KUBECONFIG]
    removed = [path for path in files if path.exists()]
    for path in removed:
        path.unlink()
    listener(Note(f"{len(forgotten)} host keys forgotten; removed: {', '.join(map(str, removed)) or 'no file'}"))
