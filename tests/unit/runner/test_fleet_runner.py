"""The runner's promises, on hosts that need no network."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from fleet_in_memory import agents, fleet
from nornir.core.inventory import Host
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import (
    CommandTimeout,
    InputError,
    KoprogoError,
    LoginRefused,
    NotConverged,
    SessionLost,
    Unreachable,
)
from koprogo_fleet.core.events import Event, HostDone, Note
from koprogo_fleet.core.permit import Action
from koprogo_fleet.core.quorum import EtcdHealth
from koprogo_fleet.runner.outcome import Status
from koprogo_fleet.runner.quorum import QuorumGuard
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.runner.runner import FleetRunner

DIFFERENCE = Difference(Operation.CHANGE, "file /etc/hosts")


class Watcher:
    """A Nornir processor that notes what it is told; *broken* methods raise after that."""

    def __init__(self, *broken: str) -> None:
        self.told: list[tuple[str, str]] = []
        self._broken = broken

    def __getattr__(self, method: str) -> Callable[..., None]:
        """Be every method of the protocol."""

        def note(_task: Task, *about: object) -> None:
            host = about[0].name if about and isinstance(about[0], Host) else ""
            self.told.append((method, host))
            if method in self._broken:
                raise ZeroDivisionError(f"{method} {host}")

        return note


def test_every_status() -> None:
    """Each host appears with how it ended, in the inventory's order, and the listener hears of each once."""
    events: list[Event] = []
    hosts = dict.fromkeys(["changed", "unchanged", "failed", "bug", "says-so", "unreachable", "refused"], "agent")

    def task(task: Task) -> Result:
        name = task.host.name
        if name == "failed":
            raise NotConverged("failed: no")
        if name == "bug":
            raise ZeroDivisionError
        if name == "unreachable":
            raise Unreachable(name, "cannot connect")
        if name == "refused":
            raise LoginRefused(name, "no")
        return Result(
            task.host, changed=name == "changed", failed=name == "says-so", differences=(DIFFERENCE,), result=7
        )

    nornir = fleet(FleetRunner(max_failures="100%", listener=events.append), hosts)
    result = nornir.run(task=task)

    assert list(hosts) == list(result)
    outcomes = result.outcomes  # type: ignore[attr-defined]
    assert {
        "changed": Status.CHANGED,
        "unchanged": Status.UNCHANGED,
        "failed": Status.FAILED,
        "bug": Status.FAILED,
        "says-so": Status.FAILED,
        "unreachable": Status.UNREACHABLE,
        "refused": Status.FAILED,
    } == {name: outcome.status for name, outcome in outcomes.items()}
    assert (7, (DIFFERENCE,), None) == (
        outcomes["changed"].value,
        outcomes["changed"].differences,
        outcomes["changed"].error,
    )
    assert "ZeroDivisionError" in str(outcomes["bug"].error)
    assert (
        {"failed", "bug", "says-so", "unreachable", "refused"} == set(result.failed_hosts) == nornir.data.failed_hosts
    )
    assert Counter(list(hosts)) == Counter(event.host for event in events if isinstance(event, HostDone))


def test_subtasks_error_is_the_host_s() -> None:
    """An error inside a subtask is the reason of the host, not Nornir's wrapper around it."""

    def part(task: Task) -> Result:
        raise Unreachable(task.host.name, "gone")

    def whole(task: Task) -> Result:
        task.run(part)
        return Result(task.host)

    result = fleet(FleetRunner(), agents(1)).run(task=whole)

    assert Status.UNREACHABLE is result.outcomes["agent-1"].status  # type: ignore[attr-defined]


def test_zero_hosts() -> None:
    """A selection that is empty is an error; that Nornir has nothing to close is none."""
    nornir = fleet(FleetRunner(), {})

    with pytest.raises(InputError, match="no host is selected"):
        nornir.run(task=lambda task: Result(task.host), name="nothing")

    nornir.close_connections()


def test_run_on_refuses_names_that_do_not_exist() -> None:
    """A host that is asked for and not there is an error, not a host less."""
    nornir = fleet(FleetRunner(), agents(1))

    with pytest.raises(InputError, match="agent-2"):
        run_on(nornir, ["agent-1", "agent-2"], "phase", lambda task: Result(task.host), print)
    with pytest.raises(InputError, match="no host is selected"):
        run_on(nornir, [], "phase", lambda task: Result(task.host), print)


def test_run_on_gives_outcomes_before_it_raises_a_bug() -> None:
    """What a task did not expect is raised as it is, after every outcome was handed over."""
    kept: list[str] = []

    def task(task: Task) -> Result:
        return Result(task.host, result=1 / (task.host.name != "agent-2"))

    nornir = fleet(FleetRunner(num_workers=1, max_failures="100%"), agents(3))
    with pytest.raises(ZeroDivisionError):
        run_on(
            nornir, agents(3), "phase", task, lambda _: None, keep=lambda all_: kept.extend(each.host for each in all_)
        )

    assert ["agent-1", "agent-2", "agent-3"] == kept


def test_failed_canary_stops_the_rest() -> None:
    """When the first batch uses up the budget, no other host is started, and each says why."""
    ran: list[str] = []

    def task(task: Task) -> Result:
        ran.append(task.host.name)
        raise Unreachable(task.host.name, "gone")

    result = fleet(FleetRunner(batches=(1, "20%", "100%")), agents(10)).run(task=task)

    assert ["agent-1"] == ran
    assert len(result) == 10
    skipped = [outcome for outcome in result.outcomes.values() if outcome.status is Status.SKIPPED]  # type: ignore[attr-defined]
    assert len(skipped) == 9
    assert all("1 of 10 hosts failed or were unreachable, 0 may" in outcome.reason for outcome in skipped)
    assert all("agent-1" in str(outcome.error) for outcome in skipped)
    assert result.failed


def test_budget_counts_every_failure() -> None:
    """As many hosts as allowed may fail or be unreachable; the next one is the last that was started."""
    ran: list[str] = []

    def task(task: Task) -> Result:
        ran.append(task.host.name)
        if task.host.name in {"agent-2", "agent-5"}:
            raise Unreachable(task.host.name, "gone")
        return Result(task.host, failed=task.host.name == "agent-4")

    fleet(FleetRunner(num_workers=1, max_failures="20%"), agents(10)).run(task=task)

    assert [f"agent-{number}" for number in range(1, 6)] == ran


def test_batches_do_not_overlap() -> None:
    """A batch begins when every host of the one before it has ended."""
    events: list[tuple[str, int]] = []

    def task(task: Task) -> Result:
        number = int(task.host.name.split("-")[1])
        events.append(("begin", number))
        time.sleep(0.02 * (number % 3))
        events.append(("end", number))
        return Result(task.host)

    fleet(FleetRunner(batches=(2, 3)), agents(5)).run(task=task)

    assert {("begin", 1), ("begin", 2), ("end", 1), ("end", 2)} == set(events[:4])


def test_limits() -> None:
    """Never are more hosts at work than there are workers, nor more of a group than its limit."""
    lock = threading.Lock()
    at_work: Counter[str] = Counter()
    most: Counter[str] = Counter()
    hosts = agents(8) | {f"server-{number}": "server" for number in range(4)}

    def task(task: Task) -> Result:
        group = task.host.groups[0].name
        with lock:
            at_work.update([group, "all"])
            for key, count in at_work.items():
                most[key] = max(most[key], count)
        time.sleep(0.02)
        with lock:
            at_work.subtract([group, "all"])
        return Result(task.host)

    fleet(FleetRunner(num_workers=5, group_limits={"server": 1}), hosts).run(task=task)

    assert (1, 5) == (most["server"], most["all"])


def test_limit_of_a_group_that_is_none() -> None:
    """A misspelt group would limit nothing, so it is refused."""
    with pytest.raises(InputError, match="sever") as caught:
        fleet(FleetRunner(group_limits={"sever": 1}), agents(1)).run(task=lambda task: Result(task.host), name="x")

    assert "agent" in str(caught.value.next_step)


def test_deadline_of_a_task_that_listens_to_nobody() -> None:
    """A task that does not end is left behind, named with the line it is at; what it returns later changes nothing."""
    released = threading.Event()
    ended = threading.Event()
    watcher = Watcher()

    def stubborn(task: Task) -> Result:
        if task.host.name == "agent-1":
            released.wait(30)
            ended.set()
        else:
            released.set()  # the other one, given up by now, ends while the run goes on
            ended.wait(5)
            time.sleep(0.1)
        return Result(task.host, changed=True)

    begin = time.monotonic()
    runner = FleetRunner(batches=(1,), task_seconds=1.5, max_failures=1)
    result = fleet(runner, agents(2), [watcher]).run(task=stubborn)
    seconds = time.monotonic() - begin

    assert ended.is_set()
    assert seconds < 20
    outcome = result.outcomes["agent-1"]  # type: ignore[attr-defined]
    assert isinstance(outcome.error, CommandTimeout)
    assert "stubborn did not end within 1.5 s, cancelled; it was waiting for: test_fleet_runner.py line" in str(
        outcome.error
    )
    assert "released.wait(30)" in str(outcome.error)
    assert Status.FAILED is outcome.status
    assert not result["agent-1"].changed
    assert Status.CHANGED is result.outcomes["agent-2"].status  # type: ignore[attr-defined]
    assert 1 == watcher.told.count(("task_instance_completed", "agent-1"))


def test_cancelled_task_can_do_nothing_more() -> None:
    """After it was given up, a task gets no connection, no permit and no subtask's events any more."""
    refused: list[str] = []
    gone = threading.Event()
    done = threading.Event()
    watcher = Watcher()

    class Plugin:
        closed = 0

        def open(self, *_: object, **__: object) -> None:
            """Take longer than the deadline."""
            gone.wait(10)

        def close(self) -> None:
            """Count."""
            Plugin.closed += 1

        connection = "open"

    def stubborn(task: Task) -> Result:
        runner = task.nornir.runner
        assert isinstance(runner, FleetRunner)
        for attempt in (
            lambda: task.host.open_connection("slow", task.nornir.config),
            lambda: task.host.get_connection("slow", task.nornir.config),
            lambda: runner.permit(Action(task.host.name, "late")).__enter__(),
        ):
            try:
                attempt()
            except SessionLost as error:
                refused.append(str(error))
        task.run(lambda task: Result(task.host), name="part")
        done.set()
        return Result(task.host)

    ConnectionPluginRegister.auto_register()
    ConnectionPluginRegister.available["slow"] = Plugin  # type: ignore[assignment]
    nornir = fleet(FleetRunner(task_seconds=0.1), agents(1), [watcher])
    nornir.run(task=stubborn)
    gone.set()
    assert done.wait(5)
    del ConnectionPluginRegister.available["slow"]

    assert ["agent-1: this task was cancelled, and nobody waits for it any more"] * 3 == refused
    assert 1 == Plugin.closed
    assert {} == nornir.inventory.hosts["agent-1"].connections
    assert ("subtask_instance_started", "agent-1") not in watcher.told


def test_deadline_of_the_run() -> None:
    """When the time of the whole run is over, what runs is cancelled and the rest is skipped."""
    released = threading.Event()

    def task(task: Task) -> Result:
        released.wait(30)
        return Result(task.host)

    result = fleet(FleetRunner(num_workers=1, run_seconds=0.2, max_failures="100%"), agents(2)).run(task=task)
    released.set()

    outcomes = result.outcomes  # type: ignore[attr-defined]
    assert [Status.FAILED, Status.SKIPPED] == [outcome.status for outcome in outcomes.values()]
    assert "0.2 s of the whole run" in str(outcomes["agent-1"].error)
    assert "the 0.2 s of the whole run are over" == outcomes["agent-2"].reason


def test_task_that_ends_its_thread() -> None:
    """A task that calls sys.exit() is a failed host, not a run that waits for ever."""
    result = fleet(FleetRunner(), agents(1)).run(task=lambda task: sys.exit(task.host.name), name="leave")

    assert isinstance(result["agent-1"].exception, SystemExit)
    assert Status.FAILED is result.outcomes["agent-1"].status  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("retries", "error", "tries"), [(2, SessionLost, 2), (0, SessionLost, 1), (3, CommandTimeout, 1)]
)
def test_only_temporary_errors_are_tried_again(retries: int, error: type[KoprogoError], tries: int) -> None:
    """A temporary error is tried again, which is told, and may pass; processors see one start and one end."""
    watcher = Watcher()
    events: list[Event] = []
    tried: list[str] = []

    def task(task: Task) -> Result:
        tried.append(task.host.name)
        if len(tried) == 1:
            raise error(task.host.name, "gone")  # type: ignore[call-arg, arg-type]
        return Result(task.host)

    result = fleet(FleetRunner(retries=retries, listener=events.append), agents(1), [watcher]).run(task=task)

    assert tries == len(tried)
    assert [f"agent-1: gone; it is tried again (1 of {retries})"] * (tries - 1) == [
        event.text for event in events if isinstance(event, Note)
    ]
    assert result.failed == (tries == 1)
    assert ["task_started", "task_instance_started", "task_instance_completed", "task_completed"] == [
        method for method, _ in watcher.told
    ]


def test_no_retry_beyond_the_deadline() -> None:
    """A pause that would end after the deadline is not made: the host's real error is told, at once."""

    def task(task: Task) -> Result:
        raise Unreachable(task.host.name, "gone")

    result = fleet(FleetRunner(retries=5, task_seconds=0.3), agents(1)).run(task=task)

    assert Status.UNREACHABLE is result.outcomes["agent-1"].status  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "method", [f"{part}_instance_{end}" for part in ("task", "subtask") for end in ("started", "completed")]
)
def test_processor_that_raises(method: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a processor raises, every result is there, the other processors hear of all, and it is reported."""
    events: list[Event] = []
    broken, sound = Watcher(method), Watcher()

    def task(task: Task) -> Result:
        task.run(lambda task: Result(task.host), name="part")
        return Result(task.host, changed=True)

    with caplog.at_level(logging.ERROR):
        result = fleet(FleetRunner(listener=events.append), agents(3), [broken, sound]).run(task=task)

    assert [Status.CHANGED] * 3 == [outcome.status for outcome in result.outcomes.values()]  # type: ignore[attr-defined]
    assert 14 == len(sound.told)
    assert 3 == len(result.observer_errors)  # type: ignore[attr-defined]
    assert 3 == sum("ZeroDivisionError" in event.text for event in events if isinstance(event, Note))
    assert f"{method} agent-2" in caplog.text


def test_processor_that_raises_at_the_very_end() -> None:
    """Where Nornir itself loses the result because a processor raises, the runner still has it."""
    runner = FleetRunner()

    with pytest.raises(ZeroDivisionError):
        fleet(runner, agents(2), [Watcher("task_completed")]).run(task=lambda task: Result(task.host), name="x")

    assert runner.last is not None
    assert ["agent-1", "agent-2"] == list(runner.last.outcomes)


def test_listener_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """A listener that raises loses no result either."""

    def listener(_event: Event) -> None:
        raise ZeroDivisionError

    result = fleet(FleetRunner(listener=listener), agents(2)).run(task=lambda task: Result(task.host), name="x")

    assert not result.failed
    assert "ZeroDivisionError" in caplog.text


def test_permit_in_order() -> None:
    """A permit proves the quorum first, then writes the intent down, then gives the host's fence."""
    order: list[str] = []

    class Journal:
        @contextmanager
        def change(self, host: str, what: str, differences: object) -> Iterator[None]:
            order.append(f"intent {host} {what} {differences}")
            yield
            order.append("committed")

    def observe() -> EtcdHealth:
        order.append("look")
        return EtcdHealth(frozenset("abc"), frozenset("abc"))

    runner = FleetRunner(journal=Journal(), guard=QuorumGuard(observe, 1), fences={"a": "3 run-1"})
    with runner.permit(Action("a", "reboot", disrupts_etcd=True)) as permit:
        order.append("act")
    with runner.permit(Action("b", "converge", (DIFFERENCE,))) as other:
        pass

    assert [
        "look",
        "intent a reboot ()",
        "act",
        "committed",
        f"intent b converge {(DIFFERENCE,)}",
        "committed",
    ] == order
    assert ("3 run-1", None) == (permit.fence, other.fence)


def test_no_guard_no_disruption() -> None:
    """Without a guard, what may take an etcd member down is refused, and nothing else is."""
    with (
        pytest.raises(InputError, match="reboot may take an etcd member down"),
        FleetRunner().permit(Action("server-1", "reboot", disrupts_etcd=True)),
    ):
        pytest.fail("it was allowed")
    with FleetRunner().permit(Action("server-1", "converge")):
        pass


def test_connections_are_closed_when_wanted() -> None:
    """With close_connections, the connections of a host are closed when it is done."""
    closed: list[str] = []

    class Plugin:
        def close(self) -> None:
            closed.append("closed")

    def task(task: Task) -> Result:
        task.host.connections["own"] = Plugin()  # type: ignore[assignment]
        return Result(task.host)

    nornir = fleet(FleetRunner(), agents(1))
    nornir.run(task=task)
    assert [] == closed
    nornir.close_connections()
    assert ["closed"] == closed

    fleet(FleetRunner(close_connections=True), agents(2)).run(task=task)
    assert ["closed"] * 3 == closed
