"""A run killed at every record of its journal, while it mends several nodes: takes about half an hour."""

from __future__ import annotations

import signal
from itertools import count

import pytest
from faults import SERVERS, WORKERS, console, drift, signalled
from invariants import assert_sound, quorum_kept
from lab_fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.timeout(7200)]


def state(fleet: Fleet, host: str) -> str:
    """Return what a run leaves on a node: its files and services. K3s renews its kubeconfig at each start by itself."""
    places = "/etc/ssh/sshd_config.d /etc/rancher /etc/hosts /etc/sysctl.d /etc/systemd/network /etc/ufw/user.rules"
    listed = f"find {places} -type f ! -name k3s.yaml -exec sha256sum {{}} + -exec stat -c '%n %U %a' {{}} + | sort"
    pending = "find /run -path '/run/koprogo-fleet/*' -type f"
    return console(fleet, host, f"{listed}; systemctl is-active k3s k3s-agent ssh || :; {pending}")


def test_a_run_killed_at_any_record_is_continued(fleet: Fleet) -> None:
    """Wherever in its journal it is killed, the next run leaves the same fleet, and etcd had its quorum all the time."""
    nodes = (*SERVERS, *WORKERS)
    assert_sound(fleet)
    desired = {node: state(fleet, node) for node in nodes}
    bought = fleet.written()

    for record in count(1):
        drift(fleet, *WORKERS[:2])
        console(fleet, SERVERS[1], "echo 'debug: true' >> /etc/rancher/k3s/config.yaml")
        with quorum_kept(fleet):
            run = signalled(fleet, signal.SIGKILL, record)
            ended = run.end(300)
            if ended.returncode == -signal.SIGKILL:
                assert fleet.summary("provision", "--yes")["failed"] == 0
        assert_sound(fleet)
        assert desired == {node: state(fleet, node) for node in nodes}, f"killed at record {record}"
        assert bought == fleet.written()
        if ended.returncode != -signal.SIGKILL:
            break

    assert (0, "done") == (ended.returncode, run.journal.state)
    assert record > 30, "it was killed at too few records to have changed anything"
