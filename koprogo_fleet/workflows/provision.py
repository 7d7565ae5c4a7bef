"""From fleet.yaml to a running cluster: the phases, in order. A plan runs the same ones, and changes nothing."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.loader import load_fleet, load_model
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.inventory.documents import KNOWN_HOSTS
from koprogo_fleet.kube.drain import SECONDS
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision.plan import Plan
from koprogo_fleet.secrets.model import SecretsFile
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.vault.client import Vault
from koprogo_fleet.workflows.certificates import signatures
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.jump import check_jump_host
from koprogo_fleet.workflows.ovh import budget_of
from koprogo_fleet.workflows.phases.claim import claim
from koprogo_fleet.workflows.phases.cloud import cloud, look
from koprogo_fleet.workflows.phases.cluster import agents, artifacts, first_server, other_servers
from koprogo_fleet.workflows.phases.k3s_setup import k3s_setup
from koprogo_fleet.workflows.phases.leave import leave
from koprogo_fleet.workflows.phases.nodes import baseline, first_contact, inventory
from koprogo_fleet.workflows.phases.verify import verify
from koprogo_fleet.workflows.phases.workloads import releases, secrets
from koprogo_fleet.workflows.release_files import read_releases
from koprogo_fleet.workflows.run import Phase, Report, run_phases
from koprogo_fleet.workflows.target import Target

PROVISION: Sequence[Phase[Context]] = (
    Phase("Look: what OVH shows beside fleet.yaml", look),
    Phase("Leave: drain the workers that go", leave),
    Phase("Cloud: everything at OVH", cloud),
    Phase("Inventory", inventory),
    Phase("First contact", first_contact),
    Phase("Claim of the nodes", claim),
    Phase("Baseline: names, vRack, packages, kernel, sshd, firewall", baseline),
    Phase("K3s: what the nodes can, and what must stay", k3s_setup),
    Phase("K3s: artefacts", artifacts),
    Phase("K3s: first server", first_server),
    Phase("K3s: other servers, one by one", other_servers),
    Phase("K3s: agents", agents),
    Phase("Secrets: Vault to cluster", secrets),
    Phase("Releases: Helm", releases),
    Phase("Verify", verify),
)
PLAN = tuple(phase for phase in PROVISION if phase.run not in {claim, cloud, verify})


BOOT_SECONDS = 300.0
_NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})


def read_input(directory: Path) -> Fleet:
    """
    Read every file that people write, before anything is started.

    Raises:
        FileProblems: all the mistakes.
        InputError: a file is missing.
    """
    fleet = load_fleet(directory / "fleet.yaml")
    load_model(directory / "secrets.yaml", SecretsFile)
    read_releases(directory)
    return fleet


def provision(  # noqa: PLR0913 - everything that a run is made of
    fleet: Fleet,
    directory: Path,
    target: Target,
    listener: Listener,
    report: Report,
    *,
    boot_seconds: float = BOOT_SECONDS,
    confirmed: frozenset[str] = frozenset(),
    lost: frozenset[str] = frozenset(),
    drain_seconds: float = SECONDS,
    budget: Decimal | None = None,
    arguments: Mapping[str, str] = _NO_ARGUMENTS,
) -> None:
    """
    Bring the fleet to its desired state.

    *report* is filled as the run goes, so that it tells the truth also when an error ends the run. *boot_seconds* is
    how long a new node may take until it answers SSH. *confirmed* are the names of the objects at OVH that may be deleted
    or replaced with what they hold, *lost* those of workers that are dead and leave without being drained; a drain of
    another may take *drain_seconds*. *budget* is what the fleet may cost a month, instead of fleet.yaml's. *arguments*
    are what ``koprogo-fleet runs resume`` needs to do the same again; they are kept in the journal.

    Raises:
        KoprogoError: something stopped the run; running it again goes on from there.
    """
    state = state_dir(fleet.name)
    with (
        exclusive(state, "provision"),
        Journal(state, "provision", target.kind, arguments=arguments, listener=listener) as journal,
        open_run(fleet, directory, target, listener, report, dry_run=False) as run,
    ):
        run.journal, run.boot_seconds, run.confirmed = journal, boot_seconds, confirmed
        run.lost, run.drain_seconds = lost, drain_seconds
        run.budget = budget_of(fleet, budget)
        run_phases(PROVISION, run, report, listener, step=journal.step)


def plan(  # noqa: PLR0913 - everything that a plan is made of
    fleet: Fleet,
    directory: Path,
    target: Target,
    listener: Listener,
    report: Report,
    *,
    budget: Decimal | None = None,
) -> Plan:
    """
    Find every difference between the fleet and its desired state, and change nothing.

    Returns:
        the part of it that is done at OVH.

    Raises:
        OverBudget: the fleet would cost more than *budget*, or fleet.yaml's, a month.
        KoprogoError: something cannot be looked at.
    """
    with open_run(fleet, directory, target, listener, report, dry_run=True) as run:
        run.budget = budget_of(fleet, budget)
        run_phases(PLAN[:1], run, report, listener)
        if run.nodes_exist:
            run_phases(PLAN[1:], run, report, listener)
        else:
            listener(Note("no node exists yet: what is on the nodes is planned once they do"))
        assert run.wanted is not None  # noqa: S101 - the first phase has looked
        return run.wanted


@contextmanager
def open_run(  # noqa: PLR0913 - everything that a run is made of
    fleet: Fleet, directory: Path, target: Target, listener: Listener, report: Report, *, dry_run: bool
) -> Generator[Context]:
    """Yield what the phases of a run share; the connections to the nodes end with the block."""
    check_jump_host(fleet, KnownHosts(directory / KNOWN_HOSTS))
    with target.vault.session() as vault, signatures(fleet, lambda: vault) as signs:
        api, kv = OvhApi(target.credentials, listener), Vault(vault, fleet.vault.mount)
        run = Context(fleet, directory, target, api, kv, listener, dry_run, report, signs)
        try:
            yield run
        finally:
            if run.nornir:
                run.nornir.close_connections()
