"""A reboot is asked for before anything is sent."""

from __future__ import annotations

import pytest
from nornir.core import Nornir
from nornir.core.inventory import Defaults, Groups, Host, Hosts, Inventory
from nornir.core.task import Result
from nornir.plugins.runners import SerialRunner

from koprogo_fleet.core.errors import InputError
from koprogo_tasks import reboot

NODE = "koprogo-cp-1"


def run(role: str, *, dry_run: bool) -> Result:
    """Run the task with Nornir's own runner, on a host that nobody can connect to."""
    host = Host(NODE, data={"role": role}, defaults=Defaults())
    nornir = Nornir(Inventory(Hosts({NODE: host}), Groups(), Defaults()), runner=SerialRunner())
    return nornir.run(task=reboot, dry_run=dry_run)[NODE][0]


def test_control_plane_without_a_guard() -> None:
    """A runner that cannot prove etcd's quorum restarts no control plane: not even a connection is made."""
    result = run("server", dry_run=False)

    assert isinstance(result.exception, InputError)
    assert "reboot may take an etcd member down" in str(result.exception)


@pytest.mark.parametrize("role", ["server", "agent"])
def test_dry_run(role: str) -> None:
    """A dry run tells, and connects to nobody."""
    result = run(role, dry_run=True)

    assert result.changed
    assert "change boot: running -> restarted" == result.diff
