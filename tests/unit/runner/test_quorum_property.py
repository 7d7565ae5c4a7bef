"""Whatever is planned and whatever fails: the runner keeps etcd's quorum. And without its guard, it does not."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from fleet_in_memory import fleet
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from nornir.core.task import Result, Task
from simulated_etcd import SimulatedEtcd

from koprogo_fleet.core.errors import CommandFailed, SessionLost
from koprogo_fleet.core.permit import Action
from koprogo_fleet.runner.outcome import Status
from koprogo_fleet.runner.quorum import QuorumGuard
from koprogo_fleet.runner.runner import FleetRunner
from koprogo_tasks._permit import permit_for


@dataclass(frozen=True)
class Fate:
    """What a host's disturbance is like: *work* and *down* in seconds, and how it ends."""

    work: float
    down: float
    error: str


@dataclass(frozen=True)
class Plan:
    """A fleet, how the runner goes over it, and what happens there."""

    servers: int
    agents: int
    down: int
    order: tuple[int, ...]
    batches: tuple[int | str, ...]
    limit: int
    workers: int
    max_failures: int | str
    task_seconds: float | None
    fates: tuple[Fate, ...]


FATES = st.builds(
    Fate,
    work=st.sampled_from([0.0, 0.002, 0.006]),
    down=st.sampled_from([0.0, 0.003, 0.012, math.inf]),
    error=st.sampled_from(["", "", "", "failed", "lost", "hangs", "bug"]),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a plan."""
    servers, agents = draw(st.sampled_from([1, 3, 3, 5])), draw(st.integers(0, 2))
    hosts = servers + agents
    return Plan(
        servers=servers,
        agents=agents,
        down=draw(st.sampled_from([0, 0, 0, 1, servers // 2])) if servers > 1 else 0,
        order=tuple(draw(st.permutations(range(hosts)))),
        batches=draw(st.sampled_from([(), (1, "20%", "100%"), (2,), (1,), ("50%",)])),
        limit=draw(st.integers(1, 3)),
        workers=draw(st.integers(1, 6)),
        max_failures=draw(st.sampled_from([0, 1, "50%", "100%"])),
        task_seconds=draw(st.sampled_from([None, 0.02])),
        fates=tuple(draw(st.lists(FATES, min_size=hosts, max_size=hosts))),
    )


class Unguarded(QuorumGuard):
    """The guard, switched off."""

    @contextmanager
    def disruption(self, host: str) -> Generator[None]:  # noqa: ARG002 - its base's signature
        """Allow everything."""
        yield


def carry_out(plan: Plan, guard: type[QuorumGuard]) -> SimulatedEtcd:
    """Run a plan with real threads against the model; return the model."""
    servers = [f"server-{number}" for number in range(plan.servers)]
    names = [*servers, *(f"agent-{number}" for number in range(plan.agents))]
    fates = dict(zip(names, plan.fates, strict=True))
    etcd = SimulatedEtcd(servers, down=servers[: plan.down])

    def disturb(task: Task) -> Result:
        host, fate = task.host.name, fates[task.host.name]
        with permit_for(task, Action(host, "restart", disrupts_etcd=True)):
            if host in servers:
                etcd.take_down(host, fate.down)
            time.sleep(fate.work)
            if fate.error == "failed":
                raise CommandFailed(host, "restart", exit_status=1)
            if fate.error == "lost":
                raise SessionLost(host, "gone")
            if fate.error == "hangs":
                time.sleep(0.05)
            if fate.error == "bug":
                raise ZeroDivisionError
        return Result(task.host, changed=True)

    runner = FleetRunner(
        num_workers=plan.workers,
        batches=plan.batches,
        max_failures=plan.max_failures,
        task_seconds=plan.task_seconds,
        group_limits={"server": plan.limit},
        guard=guard(etcd.health, 0.03, turn_seconds=0.1, interval=0.002),
    )
    groups = {names[index]: names[index].split("-")[0] for index in plan.order}
    result = fleet(runner, groups).run(task=disturb)
    assert set(names) == set(result) == set(result.outcomes)  # type: ignore[attr-defined]
    return etcd


def allowed(plan: Plan) -> int:
    """Say how many members may be down at once: etcd's own rule; and the one member of a cluster of one."""
    return max(1, (plan.servers - 1) // 2)


def broken(plan: Plan, guard: type[QuorumGuard]) -> bool:
    """Carry a plan out; return whether more control planes were down at once than may be."""
    return carry_out(plan, guard).most_down > allowed(plan)


QUIETLY = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@settings(QUIETLY, max_examples=40)
@given(plan=plans())
def test_quorum_is_never_broken(plan: Plan) -> None:
    """Over random plans, with members that come back late or never, quorum survives: of three, never two are down."""
    assert not broken(plan, QuorumGuard)


def test_without_the_guard_it_is_broken() -> None:
    """The same property fails when the guard is switched off, so it can tell; with it, the same plan holds."""
    plan = find(
        plans(),
        lambda plan: broken(plan, Unguarded),
        settings=settings(QUIETLY, max_examples=200, phases=[Phase.generate]),
    )

    assert not broken(plan, QuorumGuard)


@pytest.mark.parametrize("limit", [1, 3])
def test_rolling_restart(limit: int) -> None:
    """Three servers that each take a moment to come back are all restarted, one after the other."""
    etcd = SimulatedEtcd(["server-1", "server-2", "server-3"])

    def restart(task: Task) -> Result:
        with permit_for(task, Action(task.host.name, "restart", disrupts_etcd=True)):
            etcd.take_down(task.host.name, 0.05)
        return Result(task.host, changed=True)

    runner = FleetRunner(group_limits={"server": limit}, guard=QuorumGuard(etcd.health, 2, interval=0.01))
    result = fleet(runner, {f"server-{number}": "server" for number in (1, 2, 3)}).run(task=restart)

    assert [Status.CHANGED] * 3 == [outcome.status for outcome in result.outcomes.values()]  # type: ignore[attr-defined]
    assert 1 == etcd.most_down
