"""The workflow's claim of its nodes, over real sshds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from small_fleet import nornir_of, running_nodes

from koprogo_fleet.core.errors import Fenced
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.permit import Action
from koprogo_fleet.core.runs import list_runs
from koprogo_fleet.runner.runner import FleetRunner
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.claim import claim, still_ours
from koprogo_fleet.workflows.run import Report

FLEET = load_fleet(Path(__file__).parents[3] / "inventory" / "lab" / "fleet.yaml")


def test_a_claimed_fleet_writes_down_guards_and_fences(tmp_path: Path) -> None:
    """After the claim every permit is in the journal, has its node's fence and a proof of quorum; the next run takes over."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("needs root and sshd (apt-get install openssh-server)")
    server, worker = FLEET.nodes[0].name, FLEET.nodes[-1].name
    with running_nodes(program, [server, worker], tmp_path) as places, Journal(tmp_path, "first", "lab") as journal:
        # neither OVH nor Vault is asked for anything in this phase
        run = Context(FLEET, tmp_path, None, None, None, ignore, dry_run=False, report=Report(), journal=journal)  # type: ignore[arg-type]
        run.nornir = nornir_of(places)
        runner = run.nornir.runner
        assert isinstance(runner, FleetRunner)

        claim(run)
        still_ours(run)
        with runner.permit(Action(server, "restart", disrupts_etcd=True)) as permit:
            pass

        assert f"1 {journal.run_id}" == permit.fence == runner.fences[worker]
        assert [(server, "restart", "done")] == [
            (change.host, change.what, change.outcome) for change in list_runs(tmp_path)[0].changes
        ]
        with Journal(tmp_path, "second", "lab") as run.journal:
            claim(run)
        runner.fences = {server: permit.fence}
        with pytest.raises(Fenced, match=f"the run {run.journal.run_id} has claimed this node since"):
            still_ours(run)
        run.nornir.close_connections()
