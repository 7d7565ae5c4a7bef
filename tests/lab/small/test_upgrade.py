"""K3s gets another release under load: servers and workers one by one, interrupted, blocked, rolled back, refused."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest
import yaml
from api_client import api_client
from faults import SERVERS, console
from lab_fleet import Fleet

from koprogo_fleet.core.wait import NotYet, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800), pytest.mark.exhaustive]  # the first of them provisions

FIRST, PATCH, MINOR, BROKEN = "v1.33.4+k3s1", "v1.33.5+k3s1", "v1.34.1+k3s1", "v1.34.2+k3s1"
WORKERS = ("koprogo-worker-1", "koprogo-worker-2")
ADDRESSES = ("10.0.0.11", "10.0.0.12", "10.0.0.13")
ELECTION_SECONDS = 15.0
"""Etcd's election timeout in the lab is 5 s, on a machine that all nodes share."""

STUCK = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: stuck, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: stuck}}
  template:
    metadata: {labels: {app: stuck}}
    spec:
      nodeSelector: {kubernetes.io/hostname: koprogo-worker-1}
      containers: [{name: web, image: "koprogo-api:lab", imagePullPolicy: Never}]
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: stuck, namespace: default}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: stuck}}
"""


def nodes(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """Return the Node objects by their names."""
    listed = json.loads(fleet.kubectl("get", "nodes", "-o", "json"))["items"]
    return {node["metadata"]["name"]: node for node in listed}


def versions(fleet: Fleet) -> dict[str, str]:
    """Return what each kubelet says that it is."""
    return {name: node["status"]["nodeInfo"]["kubeletVersion"] for name, node in nodes(fleet).items()}


def cordoned(fleet: Fleet) -> set[str]:
    """Return the nodes that take no pods, or bear an upgrade's mark."""
    return {
        name
        for name, node in nodes(fleet).items()
        if node["spec"].get("unschedulable") or "koprogo.io/upgrade" in node["metadata"]["annotations"]
    }


def starts(fleet: Fleet) -> dict[str, str]:
    """Return systemd's id of the running K3s, by node: a restart gives another one."""
    return {
        name: console(fleet, name, "systemctl show --property=InvocationID --value k3s k3s-agent")
        for name in (*SERVERS, *WORKERS)
    }


def status(fleet: Fleet) -> dict[str, Any]:
    """Return what ``k3s status --json`` says."""
    found: dict[str, Any] = json.loads(fleet.run("k3s", "status", "--json").stdout)
    return found


def assert_whole(fleet: Fleet, release: str) -> None:
    """Assert that all nodes run *release*, none is cordoned, etcd is whole, and nothing is left to be done."""
    assert dict.fromkeys((*SERVERS, *WORKERS), release) == versions(fleet)
    assert set() == cordoned(fleet)
    found = status(fleet)
    assert ([], [], True) == (found["ailments"], found["alarms"], found["healthy"])
    assert 0 == fleet.run("k3s", "upgrade", "--dry-run").returncode


def want(fleet: Fleet, release: str) -> None:
    """Write another release into fleet.yaml, as a person does."""
    document = yaml.safe_load((fleet.inventory / "fleet.yaml").read_text())
    document["k3s"]["version"] = release
    (fleet.inventory / "fleet.yaml").write_text(yaml.safe_dump(document))


def test_a_fleet_gets_another_release_while_it_is_used(small: Fleet) -> None:
    """
    Provisioning leaves the release alone and says who changes it; the upgrade does, and the API answers all the while.

    One failed request a server at most, where the client was connected to the one that stopped, and no gap that is longer
    than an election. A second run changes nothing; fleet.yaml keeps its comments.
    """
    fleet, before = small, starts(small)
    text = (fleet.inventory / "fleet.yaml").read_text()
    assert dict.fromkeys((*SERVERS, *WORKERS), FIRST) == versions(fleet)
    (fleet.inventory / "fleet.yaml").write_text(text.replace(FIRST, PATCH))
    provisioned = fleet.run("provision", "--yes")
    assert 0 == provisioned.returncode, provisioned.stdout + provisioned.stderr
    assert "koprogo-fleet k3s upgrade" in " ".join(provisioned.stdout.split())
    assert before == starts(fleet)
    (fleet.inventory / "fleet.yaml").write_text(text)

    skipping = fleet.run("k3s", "upgrade", "--to", "v1.35.0+k3s1", "--yes")
    assert (2, text) == (skipping.returncode, (fleet.inventory / "fleet.yaml").read_text())
    assert "skips v1.34" in " ".join((skipping.stdout + skipping.stderr).split())
    planned = fleet.run("k3s", "upgrade", "--to", PATCH, "--dry-run", "--json")
    events = [json.loads(line) for line in planned.stdout.splitlines()]
    found = next(event for event in events if event["event"] == "differences")
    assert (3, {*SERVERS, *WORKERS}) == (planned.returncode, set(found["hosts"]))
    assert text == (fleet.inventory / "fleet.yaml").read_text()

    began = time.monotonic()
    with api_client(fleet, WORKERS[0], ADDRESSES, "a rolling upgrade of 3 servers and 2 workers") as watched:
        done = fleet.run("k3s", "upgrade", "--to", PATCH, "--yes", timeout=1200)
    print(f"upgrade of 3 servers and 2 workers: {time.monotonic() - began:.0f} s")  # noqa: T201 - the figure

    assert 0 == done.returncode, done.stdout + done.stderr
    assert text.replace(FIRST, PATCH) == (fleet.inventory / "fleet.yaml").read_text()
    assert_whole(fleet, PATCH)
    assert watched.report.longest_gap < ELECTION_SECONDS, watched.report
    assert len(watched.report.failures) <= len(SERVERS), watched.report.failures
    assert {} == fleet.differences()
    after = starts(fleet)
    assert 0 == fleet.run("k3s", "upgrade", "--yes").returncode
    assert after == starts(fleet)


def test_the_status_tells_of_every_node(small: Fleet) -> None:
    """Releases, votes, encryption, certificates and the snapshot's age, in one object; exit code 0 while all is well."""
    found = status(small)

    assert [("server", True, True)] * 3 + [("agent", True, None)] * 2 == [
        (node["role"], node["ready"], node["voter"]) for node in found["nodes"]
    ]
    assert all(node["installed"] == node["running"] for node in found["nodes"])
    assert all(300 < node["certificate_days"] < 366 for node in found["nodes"])
    assert {"Enabled"} == {node["encryption"] for node in found["nodes"] if node["role"] == "server"}
    assert found["snapshot"]["rpo_hours"] > 0


def test_killed_and_blocked_it_is_continued(small: Fleet) -> None:
    """
    Killed while a server is switched, the next run goes on there; a budget that holds a pod stops it with the reason.

    The workers keep the former release then, none stays cordoned; when the budget is gone the same command ends it.
    """
    fleet = small
    want(fleet, MINOR)
    (fleet.root / "stuck.yaml").write_text(STUCK)
    fleet.kubectl("apply", "-f", str(fleet.root / "stuck.yaml"))
    fleet.kubectl("rollout", "status", "deployment/stuck", "--timeout=60s")

    killed = fleet.start("k3s", "upgrade", "--yes")
    wait_for("a server to be switched", lambda: is_switched(fleet, killed), seconds=240, interval=0.2)
    killed.kill()
    killed.communicate()

    blocked = fleet.run("k3s", "upgrade", "--yes", "--drain-seconds", "20", timeout=900)
    assert 2 == blocked.returncode, blocked.stdout + blocked.stderr
    told = " ".join((blocked.stdout + blocked.stderr).split())
    assert "koprogo-worker-1 without pods" in told
    assert "default/stuck" in told
    assert "kubectl get pdb" in told
    assert dict.fromkeys(SERVERS, MINOR) | dict.fromkeys(WORKERS, PATCH) == versions(fleet)
    assert set() == cordoned(fleet)

    fleet.kubectl("delete", "pdb,deployment", "stuck")
    done = fleet.run("k3s", "upgrade", "--yes", timeout=900)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert_whole(fleet, MINOR)


def test_a_node_that_does_not_come_back_is_rolled_back(small: Fleet) -> None:
    """A release that does not start stops the upgrade at the first server, which has the former one again; all is well."""
    fleet = small
    before = versions(fleet)
    broken = fleet.root / "k3s-broken"
    broken.write_text(
        f'#!/bin/sh\n[ "$1" != --version ] || {{ echo "k3s version {BROKEN} (broken)"; exit 0; }}\n'
        "echo 'level=fatal msg=\"it does not start\"' >&2\nexit 1\n"
    )
    started = starts(fleet)
    want(fleet, BROKEN)

    done = fleet.run("k3s", "upgrade", "--yes", "--node-seconds", "60", timeout=900, KOPROGO_K3S_BINARY=str(broken))
    told = " ".join((done.stdout + done.stderr).split())

    assert 1 == done.returncode, told
    assert f"did not come back with {BROKEN}" in told
    assert "it does not start" in told
    assert "has its former release again" in told
    assert 1 == sum(started[name] != now for name, now in starts(fleet).items())
    want(fleet, MINOR)
    assert before == versions(fleet)
    assert_whole(fleet, MINOR)
    assert {} == fleet.differences()


def test_a_fleet_that_is_not_whole_is_left_alone(small: Fleet) -> None:
    """One of three down, an alarm, a member of no server: no node is taken away, and each has its repair named."""
    fleet, third = small, SERVERS[2]
    want(fleet, BROKEN)
    before = starts(fleet)
    try:
        console(fleet, third, "systemctl stop k3s")
        assert f"{third}: K3s is inactive" in refused(fleet)
        assert 1 == fleet.run("k3s", "status").returncode
        console(fleet, third, "systemctl start --no-block k3s")
        wait_until_whole(fleet)

        with_curl(fleet, "maintenance/alarm", '{"action":"ACTIVATE","alarm":"NOSPACE"}')
        assert "etcd has raised the alarm NOSPACE" in refused(fleet)
        with_curl(fleet, "maintenance/alarm", '{"action":"DEACTIVATE","alarm":"NOSPACE"}')

        added = with_curl(fleet, "cluster/member/add", '{"peerURLs":["https://10.0.0.99:2380"],"isLearner":true}')
        assert "etcd has a learner, https://10.0.0.99:2380" in refused(fleet)
        with_curl(fleet, "cluster/member/remove", json.dumps({"ID": json.loads(added)["member"]["ID"]}))
    finally:
        want(fleet, MINOR)
    wait_until_whole(fleet)
    assert_whole(fleet, MINOR)
    assert {third} == {name for name, now in starts(fleet).items() if before[name] != now}


def is_switched(fleet: Fleet, run: subprocess.Popen[str]) -> None:
    """Return once *run* has begun to change a server, after the artefacts were sent."""
    assert run.poll() is None, run.communicate()
    newest = fleet.runs()[-1]
    if newest.command != "k3s upgrade" or "converge" not in {change.what for change in newest.changes}:
        raise NotYet("no server's change has begun")


def refused(fleet: Fleet) -> str:
    """Have an upgrade refused, and return what it said; it must name a way out."""
    done = fleet.run("k3s", "upgrade", "--yes")
    told = " ".join((done.stdout + done.stderr).split())
    assert 1 == done.returncode, told
    assert "mend it, then run the same again" in told
    return told


def with_curl(fleet: Fleet, path: str, body: str) -> str:
    """Ask the first server's etcd for something, as a person would."""
    tls = "/var/lib/rancher/k3s/server/tls/etcd"
    flags = f"--cacert {tls}/server-ca.crt --cert {tls}/server-client.crt --key {tls}/server-client.key"
    return console(fleet, SERVERS[0], f"curl --silent --fail {flags} --data '{body}' https://127.0.0.1:2379/v3/{path}")


def wait_until_whole(fleet: Fleet) -> None:
    """Wait until the control plane is well again."""
    until = time.monotonic() + 180
    while not (found := status(fleet))["healthy"] or found["ailments"]:
        assert time.monotonic() < until, found
        time.sleep(2)
