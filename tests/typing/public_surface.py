"""The types that users see: read by mypy, never run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import assert_type

from nornir.core import Nornir
from nornir.core.task import AggregatedResult, Result, Task

import koprogo_tasks
from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.quorum import EtcdHealth
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import wait_for
from koprogo_fleet.hosts.k3s.node import Tokens
from koprogo_fleet.hosts.k3s.presence import Member
from koprogo_fleet.hosts.k3s.setup import Setup
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Resource, Unchanged
from koprogo_tasks import Artifact, Download


class Mine:
    """A resource is whatever has a name, a look and a decision."""

    name = "mine"

    def look(self) -> str:
        """Look."""
        return "true"

    def decide(self, fact: Fact) -> Unchanged | Change:
        """Decide."""
        return Unchanged() if fact.exit_status == 0 else Change((), "true")


def secrets(secret: Secret) -> None:
    """Only reveal() gives the text."""
    assert_type(secret.reveal(), str)
    assert_type(str(secret), str)
    secret.encode()  # type: ignore[attr-defined]


def waits() -> None:
    """What is waited for is what is returned."""
    assert_type(wait_for("a number", lambda: 1, seconds=1), int)
    assert_type(wait_for("nothing", lambda: None, seconds=1), None)
    wait_for("without a deadline", lambda: 1)  # type: ignore[call-arg]


def fleets(fleet: Fleet) -> None:
    """A fleet gives its nodes."""
    assert_type(load_fleet(Path("fleet.yaml")), Fleet)
    assert_type(fleet.nodes, tuple[Node, ...])
    assert_type(fleet.first_server, Node)


def resources(fact: Fact) -> None:
    """A class of one's own is a resource, without inheriting anything."""
    mine: Resource = Mine()
    assert_type(mine.decide(fact), Decision)
    assert_type(Refused("reason").next_step, str | None)


def tasks(task: Task, fleet: Fleet, tokens: Tokens, artifacts: Sequence[Artifact], setup: Setup) -> None:
    """Every task takes Nornir's task first, and returns a Result; those that change anything have dry_run."""
    assert_type(koprogo_tasks.baseline(task, fleet, dry_run=True), Result)
    assert_type(koprogo_tasks.check_claim(task, "1 run"), Result)
    assert_type(koprogo_tasks.claim(task, "run", seconds=1), Result)
    assert_type(koprogo_tasks.first_contact(task, seconds=1), Result)
    assert_type(koprogo_tasks.http_statuses(task, ["http://10.0.0.21"]), Result)
    assert_type(koprogo_tasks.clean_k3s(task), Result)
    assert_type(
        koprogo_tasks.download_k3s(task, {"cp-1": Download("https://k3s.example", "/usr/local/bin/k3s", "0" * 64)}),
        Result,
    )
    assert_type(
        koprogo_tasks.give_up_founding(task, fleet, setup, tokens=tokens, join="https://10.0.0.12:6443", dry_run=True),
        Result,
    )
    assert_type(
        koprogo_tasks.k3s(task, fleet, tokens, artifacts, setup=setup, joins={"cp-1": None}, dry_run=True), Result
    )
    assert_type(koprogo_tasks.k3s_observed(task, names=["k3s.example.org"]), Result)
    assert_type(koprogo_tasks.k3s_presence(task), Result)
    assert_type(koprogo_tasks.k3s_health(task), Result)
    assert_type(koprogo_tasks.k3s_is_installed(task), Result)
    assert_type(koprogo_tasks.k3s_ready(task, fleet, seconds=1), Result)
    assert_type(koprogo_tasks.push_k3s_artifacts(task, artifacts, dry_run=True), Result)
    assert_type(koprogo_tasks.read_cluster_tokens(task), Result)
    assert_type(koprogo_tasks.read_kubeconfig(task), Result)
    assert_type(
        koprogo_tasks.remove_etcd_member(task, Member("1", "cp-1-0a1b2c3d", "10.0.0.11", learner=False)), Result
    )
    assert_type(koprogo_tasks.stop_k3s(task), Result)
    koprogo_tasks.baseline(task)  # type: ignore[call-arg]


def nornir(nornir: Nornir, fleet: Fleet) -> None:
    """Nornir runs them."""
    assert_type(koprogo_tasks.etcd_health(nornir, ["cp-1"]), EtcdHealth)
    assert_type(nornir.run(task=koprogo_tasks.baseline, fleet=fleet), AggregatedResult)
