"""When a member may be taken down, and how the guard waits for it."""

from __future__ import annotations

import threading
import time

import pytest
from simulated_etcd import SimulatedEtcd

from koprogo_fleet.core.errors import CommandTimeout, KoprogoError, Unreachable, WaitTimeout
from koprogo_fleet.core.quorum import EtcdHealth
from koprogo_fleet.runner.quorum import QuorumGuard


def test_waits_for_the_member_before() -> None:
    """A member that is just coming back is waited for, with a fresh look each time."""
    etcd = SimulatedEtcd("abc")
    etcd.take_down("b", 0.1)
    guard = QuorumGuard(etcd.health, 2, interval=0.01)

    with guard.disruption("a"):
        etcd.take_down("a", 0)

    assert 1 == etcd.most_down


def test_no_proof_no_disruption() -> None:
    """Without proof in time nothing begins, and the error names the members that are not healthy."""
    etcd = SimulatedEtcd("abc", down="b")
    guard = QuorumGuard(etcd.health, 0.05, interval=0.01)

    refused = pytest.raises(WaitTimeout, match="without a; last seen: 2 of 3 members are healthy, not: b")
    with refused as caught, guard.disruption("a"):
        pytest.fail("it was allowed")
    with guard.disruption("b"):
        pass

    assert "nothing was done" in str(caught.value.cause)


def test_what_cannot_be_seen_proves_nothing() -> None:
    """A look that fails is no proof; when it works again, it is."""
    answers = [Unreachable("a", "gone"), EtcdHealth(frozenset("abc"), frozenset("abc"))]

    def observe() -> EtcdHealth:
        answer = answers.pop(0)
        if isinstance(answer, KoprogoError):
            raise answer
        return answer

    with QuorumGuard(observe, 1, interval=0.01).disruption("a"):
        assert [] == answers

    answers.append(Unreachable("a", "gone"))
    with pytest.raises(WaitTimeout, match="gone"), QuorumGuard(observe, 0, interval=0.01).disruption("a"):
        pytest.fail("it was allowed")


def test_unknown_result_is_in_doubt() -> None:
    """A host whose disturbance ended in an error counts as down for the others, until one of it ends well."""
    etcd = SimulatedEtcd("abc")
    guard = QuorumGuard(etcd.health, 0.03, interval=0.01)

    with pytest.raises(CommandTimeout), guard.disruption("a"):
        raise CommandTimeout("a", "reboot: no end")
    with pytest.raises(WaitTimeout, match="in doubt after an error: a"), guard.disruption("b"):
        pytest.fail("it was allowed")
    with guard.disruption("a"):
        pass
    with guard.disruption("b"):
        pass


def test_one_at_a_time() -> None:
    """Even where two would be survived, only one is disturbed at a time; a turn that never comes is explained."""
    guard = QuorumGuard(SimulatedEtcd("abcde").health, 1, turn_seconds=0.05)
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with guard.disruption("a"):
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(5)
    begin = time.monotonic()
    with (
        pytest.raises(KoprogoError, match="waited 0 s for its turn to disturb etcd; a is at it"),
        guard.disruption("b"),
    ):
        pytest.fail("it was allowed")
    assert time.monotonic() - begin < 30
    leave.set()
    thread.join()
    with guard.disruption("b"):
        pass
