"""K3s' service as a resource."""

from __future__ import annotations

import pytest

from koprogo_fleet.hosts.k3s.service import RESTART, K3sService
from koprogo_fleet.hosts.resource import Change, Fact, Refused, Unchanged


def test_a_running_service_that_starts_at_boot_is_right() -> None:
    """Nothing is asked for."""
    assert K3sService("k3s").decide(Fact(0, b"ActiveState=active\nUnitFileState=enabled\n")) == Unchanged()


@pytest.mark.parametrize(("state", "notify"), [("active", ()), ("inactive", (RESTART,)), ("failed", (RESTART,))])
def test_one_that_is_not_enabled_is_and_one_that_is_down_is_started(state: str, notify: tuple[str, ...]) -> None:
    """Only one that does not run is started."""
    decision = K3sService("k3s").decide(Fact(0, f"ActiveState={state}\nUnitFileState=disabled\n".encode()))

    assert isinstance(decision, Change)
    assert decision.notify == notify


@pytest.mark.parametrize("state", ["active", "inactive"])
def test_k3s_is_left_alone_while_the_cluster_is_made_anew(state: str) -> None:
    """Started with the old data in between, two servers would be the former cluster beside the new one."""
    text = f"ActiveState={state}\nUnitFileState=disabled\nRestore=restore:koprogo-cp-1:abc wiped etcd-old-7\n"
    decision = K3sService("k3s").decide(Fact(0, text.encode()))

    assert isinstance(decision, Refused)
    assert "restore of etcd from koprogo-cp-1" in decision.reason
