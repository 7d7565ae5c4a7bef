"""The provisioned fleet gets another release of K3s, under load."""

from __future__ import annotations

import json

import pytest
from api_client import api_client
from faults import SERVERS
from lab_fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(1800)]  # the first of them provisions

FIRST, PATCH = "v1.33.4+k3s1", "v1.33.5+k3s1"
ADDRESSES = ("10.0.0.11", "10.0.0.12", "10.0.0.13")
ELECTION_SECONDS = 15.0
"""Etcd's election timeout in the lab is 5 s, on a machine that all nodes share."""


def test_all_nodes_get_another_release_and_the_api_answers(fleet: Fleet) -> None:
    """Every node has the new release in the end, and a client lost one request a server at most, none for long."""
    with api_client(fleet, "koprogo-worker-1", ADDRESSES, "a rolling upgrade of six nodes") as watched:
        done = fleet.run("k3s", "upgrade", "--to", PATCH, "--yes")

    assert 0 == done.returncode, done.stdout + done.stderr
    assert FIRST not in (fleet.inventory / "fleet.yaml").read_text()
    nodes = json.loads(fleet.kubectl("get", "nodes", "-o", "json"))["items"]
    assert [PATCH] * 6 == [node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes]
    assert not any(node["spec"].get("unschedulable") for node in nodes)
    assert watched.report.longest_gap < ELECTION_SECONDS, watched.report
    assert len(watched.report.failures) <= len(SERVERS), watched.report.failures
    assert {} == fleet.differences()
