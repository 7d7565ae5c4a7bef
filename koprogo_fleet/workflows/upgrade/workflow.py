"""``koprogo-fleet k3s upgrade``: the phases, in order."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from koprogo_fleet.core.errors import InputError, KoprogoError
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.inventory.documents import KNOWN_HOSTS
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.runner.batches import split
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.vault.client import Vault
from koprogo_fleet.workflows.certificates import signatures
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.jump import check_jump_host
from koprogo_fleet.workflows.phases.claim import claim as claim_phase
from koprogo_fleet.workflows.phases.releases import pushed_artifacts_of
from koprogo_fleet.workflows.run import Phase, Report, run_phases
from koprogo_fleet.workflows.target import Target
from koprogo_fleet.workflows.upgrade.leaving import give_back, give_back_what_is_whole, tell_of_volumes
from koprogo_fleet.workflows.upgrade.look import differences, look
from koprogo_fleet.workflows.upgrade.model import Options, Upgrade
from koprogo_fleet.workflows.upgrade.nodes import upgrade_nodes
from koprogo_fleet.workflows.upgrade.snapshot import snapshot
from koprogo_tasks import stage_k3s

COMMAND = "k3s upgrade"
_NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})
_DEFAULTS = Options()


def claim(upgrade: Upgrade) -> None:
    """Make the nodes this run's, and have the runner guard etcd's quorum from now on."""
    if not upgrade.todo.empty:
        claim_phase(upgrade.run)


def stage(upgrade: Upgrade) -> None:
    """Send the binary and images to every node that needs them, all at once; what runs goes on with what it has."""
    run, todo = upgrade.run, upgrade.todo
    if not todo.nodes:
        return
    upgrade.artifacts = pushed_artifacts_of(run, str(upgrade.wanted))
    names = [node.name for node in todo.nodes]
    run.on_hosts(names, "Artefacts", stage_k3s, artifacts=upgrade.artifacts, release=todo.wanted)
    tell_of_volumes(upgrade)


def servers(upgrade: Upgrade) -> None:
    """One by one; the next one only when etcd and the API are whole again."""
    for node in upgrade.todo.servers:
        upgrade_nodes(upgrade, [node])


def agents(upgrade: Upgrade) -> None:
    """In batches, when all servers have the release."""
    for batch in split(upgrade.todo.agents, [upgrade.options.batch]):
        upgrade_nodes(upgrade, batch)


def finish(upgrade: Upgrade) -> None:
    """Uncordon what an earlier run has left cordoned."""
    if upgrade.todo.left_cordoned:
        give_back(upgrade, upgrade.todo.left_cordoned)


UPGRADE: Sequence[Phase[Upgrade]] = (
    Phase("Look: releases, etcd, nodes", look),
    Phase("Claim of the nodes", claim),
    Phase("Snapshot of etcd", snapshot),
    Phase("K3s: artefacts, beside those that run", stage),
    Phase("K3s: servers, one by one", servers),
    Phase("K3s: agents", agents),
    Phase("Nodes: what was cordoned is not any more", finish),
)


def plan_upgrade(
    fleet: Fleet,
    directory: Path,
    target: Target,
    listener: Listener,
    report: Report,
) -> None:
    """
    Find what an upgrade to fleet.yaml's release would do, and change nothing; *report* takes it.

    Raises:
        InputError: Kubernetes' skew policy forbids it.
        NotConverged: the fleet is not whole, so nothing would be begun.
    """
    with _context(fleet, directory, target, listener, report, dry_run=True) as run:
        upgrade = Upgrade(run, wanted_release(fleet), _DEFAULTS)
        run_phases(UPGRADE[:1], upgrade, report, listener)
        for name, found in differences(upgrade.todo).items():
            report.host(name).differences += found


def upgrade_k3s(  # noqa: PLR0913 - everything that a run is made of
    fleet: Fleet,
    directory: Path,
    target: Target,
    listener: Listener,
    report: Report,
    *,
    options: Options = _DEFAULTS,
    arguments: Mapping[str, str] = _NO_ARGUMENTS,
) -> None:
    """
    Bring every node to fleet.yaml's release of K3s; a run that was interrupted is continued from what is there.

    Raises:
        InputError: Kubernetes' skew policy forbids it; nothing was done.
        NotConverged: the fleet is not whole, and nothing was done; or a node did not come back, and has its former
            release again.
        WaitTimeout: a node cannot be emptied; says what holds it.
        KoprogoError: something else stopped it; running it again goes on from there.
    """
    state = state_dir(fleet.name)
    with (
        exclusive(state, COMMAND),
        Journal(state, COMMAND, target.kind, arguments=arguments, listener=listener) as journal,
        _context(fleet, directory, target, listener, report, dry_run=False) as run,
    ):
        run.journal = journal
        upgrade = Upgrade(run, wanted_release(fleet), options)
        try:
            run_phases(UPGRADE, upgrade, report, listener, step=journal.step)
        except (KoprogoError, KeyboardInterrupt):
            if upgrade.plan is not None:
                give_back_what_is_whole(upgrade)
            raise


def wanted_release(fleet: Fleet) -> Release:
    """
    Return fleet.yaml's release.

    Raises:
        InputError: it is none.
    """
    if (release := Release.find(fleet.k3s.version)) is None:
        raise InputError(f"k3s.version is {fleet.k3s.version}", next_step="a release such as v1.33.4+k3s1")
    return release


@contextmanager
def _context(  # noqa: PLR0913 - everything that a run is made of
    fleet: Fleet, directory: Path, target: Target, listener: Listener, report: Report, *, dry_run: bool
) -> Generator[Context]:
    """Yield a run over the inventory as it was written last: whether OVH answers does not matter here."""
    check_jump_host(fleet, KnownHosts(directory / KNOWN_HOSTS))
    with target.vault.session() as vault, signatures(fleet, lambda: vault) as signs:
        api, kv = OvhApi(target.credentials, listener), Vault(vault, fleet.vault.mount)
        run = Context(fleet, directory, target, api, kv, listener, dry_run, report, signs)
        run.open_inventory()
        try:
            yield run
        finally:
            if run.nornir:
                run.nornir.close_connections()
