"""Making the nodes this run's: from here on they refuse whatever another run still has in hand, and tell on us if we do."""

from __future__ import annotations

from collections.abc import Iterable

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.quorum import EtcdHealth
from koprogo_fleet.runner.quorum import Guard, QuorumGuard
from koprogo_fleet.runner.runner import FleetRunner
from koprogo_fleet.workflows.context import Context
from koprogo_tasks import check_claim, etcd_health
from koprogo_tasks import claim as claim_task

PHASE = "Claim"
QUORUM_SECONDS = 300.0
"""How long a control plane that was restarted may take until the next one may be."""


def claim(run: Context) -> None:
    """Claim every node, and let the runner write down, guard and fence what is changed there from now on."""
    claim_hosts(run, run.hosts)


def claim_hosts(run: Context, hosts: Iterable[str], guard: Guard | None = None) -> None:
    """
    Claim *hosts* alone: for a run that has no business on the others, or cannot reach them.

    Args:
        run: one without a journal changes nothing, and needs no leave.
        hosts: their inventory names.
        guard: of etcd's quorum, where the usual proof is not the right one.
    """
    if run.journal is None:
        return
    outcomes = run.on_hosts(hosts, PHASE, claim_task, run_id=run.journal.run_id, listener=run.listener)
    runner = _runner(run)
    runner.fences = {name: outcome.value for name, outcome in outcomes.items()}
    runner.journal = run.journal
    runner.guard = guard or QuorumGuard(lambda: _look(run), QUORUM_SECONDS, listener=run.listener)


def still_ours(run: Context) -> None:
    """
    Make sure that the fleet is still this run's, before something is changed that no node guards: Vault, the cluster.

    Raises:
        Fenced: another run has begun since.
    """
    if run.journal is not None:
        fences = _runner(run).fences
        first = next(name for name in run.of_role(Role.SERVER) if name in fences)
        run.on_hosts([first], PHASE, check_claim, fence=fences[first])


def _look(run: Context) -> EtcdHealth:
    assert run.nornir is not None  # noqa: S101 - the phases' order guarantees it
    return etcd_health(run.nornir, run.of_role(Role.SERVER))


def _runner(run: Context) -> FleetRunner:
    runner = run.nornir.runner if run.nornir else None
    if not isinstance(runner, FleetRunner):
        raise InputError(
            f"the runner {type(runner).__name__} cannot keep other runs away from the nodes",
            next_step='InitNornir(runner={"plugin": "fleet"})',
        )
    return runner
