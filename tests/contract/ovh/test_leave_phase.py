"""The phases of a run in which workers leave, at the emulator: what is planned, and what stops it before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from emulated_cloud import Cloud
from emulated_fleet import FLEET, QUICK, RememberedHostKeys, with_workers
from emulated_run import context

from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.paths import STATE_VARIABLE
from koprogo_fleet.provision.apply import Limits, apply
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import plan
from koprogo_fleet.ssh.user_keys import ensure_private_key
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.cloud import look
from koprogo_fleet.workflows.phases.leave import leave
from koprogo_fleet.workflows.phases.nodes import inventory


@pytest.fixture
def provisioned(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the fleet with two workers at OVH and in the inventory; return the inventory's folder."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    have(cloud, context(cloud, tmp_path))
    return tmp_path


def have(cloud: Cloud, run: Context) -> None:
    """Have the run's fleet at OVH and in the inventory, with less waiting than the run itself."""
    api, fleet = cloud.api(), run.fleet
    wanted = plan(fleet, observe(api, fleet), ensure_private_key(run.private_key))
    apply(wanted, api, RememberedHostKeys(), limits=Limits(**QUICK))
    inventory(run)


def one_worker(cloud: Cloud, directory: Path, *, dry_run: bool, cluster: bool = True) -> Context:
    """Return a run over the fleet with one worker less, and with a cluster that was made from here."""
    fewer: Fleet = with_workers(1)
    run = context(cloud, directory, fewer, dry_run=dry_run)
    if cluster:
        write_atomically(run.kubeconfig, "{}", mode=0o600)
    return run


def writes(cloud: Cloud) -> int:
    """Count the calls that change something."""
    return sum(entry["method"] != "GET" for entry in cloud.requests())


def test_a_plan_shows_who_leaves(cloud: Cloud, provisioned: Path) -> None:
    """The node that goes is a difference of its own; neither the cluster nor OVH is changed for that."""
    run, before = one_worker(cloud, provisioned, dry_run=True), writes(cloud)

    look(run)
    leave(run)

    shown = [str(difference) for difference in run.report.differences]
    assert "delete node koprogo-worker-2: drained first" in shown
    assert "delete instance koprogo-worker-2" in shown
    assert before == writes(cloud)


def test_without_a_confirmation_nobody_is_drained(cloud: Cloud, provisioned: Path) -> None:
    """The name is asked for before the first pod would move, not after."""
    run, before = one_worker(cloud, provisioned, dry_run=False), writes(cloud)

    with pytest.raises(NotConverged, match="not confirmed") as caught:
        look(run)

    assert "--confirm koprogo-worker-2" in (caught.value.next_step or "")
    assert before == writes(cloud)


def test_nobody_leaves_where_the_pool_stays(cloud: Cloud, provisioned: Path) -> None:
    """A run that makes no pool smaller asks no cluster for anything."""
    run = context(cloud, provisioned)

    look(run)
    leave(run)

    assert [] == run.report.differences
    assert run.nornir is None


def test_many_workers_leave_the_inventory(cloud: Cloud, provisioned: Path) -> None:
    """Most hosts may go from the inventory where fleet.yaml says so: they are not lost."""
    cp, worker = FLEET.pools
    many = FLEET.model_copy(update={"pools": (cp, worker.model_copy(update={"count": 9}))})
    have(cloud, context(cloud, provisioned, many))

    run = one_worker(cloud, provisioned, dry_run=True)
    look(run)
    leave(run)

    assert ("koprogo-cp-1", "koprogo-cp-2", "koprogo-cp-3", "koprogo-worker-1") == run.hosts
    assert 8 == sum("drained first" in str(difference) for difference in run.report.differences)
    assert not [event for event in cloud.events if isinstance(event, Note) and "no cluster" in event.text]
