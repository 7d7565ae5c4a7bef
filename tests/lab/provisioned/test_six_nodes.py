"""The life of the provisioned fleet as a whole, with its wall times: another release, a dead control plane, nothing left."""

from __future__ import annotations

import json

import pytest
from api_client import api_client
from faults import SERVERS, WORKERS
from lab_fleet import Fleet

from koprogo_fleet.ovh import instances

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(1800)]  # the first of them provisions

FIRST, PATCH = "v1.33.4+k3s1", "v1.33.5+k3s1"
ADDRESSES = ("10.0.0.11", "10.0.0.12", "10.0.0.13")
ELECTION_SECONDS = 15.0
"""Etcd's election timeout in the lab is 5 s, on a machine that all nodes share."""


def test_a_run_without_changes(fleet: Fleet) -> None:
    """A second ``provision`` changes nothing."""
    assert " 0 changes" in " ".join(fleet.timed("no-op provision of six nodes", "provision", "--yes").split())


def test_all_nodes_get_another_release_and_the_api_answers(fleet: Fleet) -> None:
    """Every node has the new release in the end, and a client lost one request a server at most, none for long."""
    with api_client(fleet, "koprogo-worker-1", ADDRESSES, "a rolling upgrade of six nodes") as watched:
        fleet.timed("upgrade of six nodes", "k3s", "upgrade", "--to", PATCH, "--yes")

    assert FIRST not in (fleet.inventory / "fleet.yaml").read_text()
    nodes = json.loads(fleet.kubectl("get", "nodes", "-o", "json"))["items"]
    assert [PATCH] * 6 == [node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes]
    assert not any(node["spec"].get("unschedulable") for node in nodes)
    assert watched.report.longest_gap < ELECTION_SECONDS, watched.report
    assert len(watched.report.failures) <= len(SERVERS), watched.report.failures
    assert {} == fleet.differences()


def test_a_dead_control_plane_is_replaced(fleet: Fleet) -> None:
    """Its machine does not answer: another takes its place, while the API answers all the time."""
    instance = fleet.instance_id(SERVERS[0])

    with api_client(
        fleet, "koprogo-worker-1", ADDRESSES[1:], "the replacement of one of three control planes"
    ) as watched:
        fleet.machines.kill(instance)
        fleet.timed("control plane replaced", "node", "replace", SERVERS[0], "--confirm", SERVERS[0], "--yes")

    assert instance != fleet.instance_id(SERVERS[0])
    assert watched.report.longest_gap < ELECTION_SECONDS, watched.report
    assert {} == fleet.differences()


def test_all_six_are_restored_from_nothing(fleet: Fleet) -> None:
    """All machines gone, the bucket and Vault left: a new fleet becomes the old cluster again."""
    fleet.timed("snapshot", "etcd", "save", "--name", "from-nothing")
    before = fleet.uid()
    for node in (*SERVERS, *WORKERS):
        instances.delete_instance(fleet.api, fleet.instance_id(node))

    lost = (f"--lost={name}" for name in WORKERS)
    fleet.timed("six machines made anew", "provision", "--yes", *lost)
    assert before != fleet.uid()
    fleet.timed("restored from the bucket", "etcd", "restore", "latest", "--confirm", "koprogo")

    assert before == fleet.uid()
    assert 0 == fleet.summary("provision", "--yes")["failed"]
    assert {} == fleet.differences()
