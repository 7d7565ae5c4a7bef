"""From nothing to a cluster, and what happens to it then: the promises of ``provision`` and ``plan``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lab_fleet import Fleet

from koprogo_fleet.ovh import instances, networks, ssh_keys, volumes

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]  # the first of them provisions

NODES = [f"koprogo-{pool}-{n}" for pool in ("cp", "worker") for n in (1, 2, 3)]


def restarts(fleet: Fleet) -> dict[str, str]:
    """Return systemd's invocation ids of K3s on every node: a restart gives a new one."""
    return {
        node: fleet.on(node, "systemctl show --property=InvocationID --value k3s k3s-agent ssh chrony")
        for node in NODES
    }


def test_the_cluster_is_what_the_fleet_file_says(fleet: Fleet) -> None:
    """Six nodes are Ready, the control planes take no workloads, and secrets are encrypted in etcd."""
    nodes = json.loads(fleet.kubectl("get", "nodes", "-o", "json"))["items"]
    ready = {
        node["metadata"]["name"]: condition["status"]
        for node in nodes
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready"
    }
    tainted = {node["metadata"]["name"] for node in nodes if "NoSchedule" in json.dumps(node["spec"].get("taints", []))}

    assert dict.fromkeys(NODES, "True") == ready
    assert set(NODES[:3]) == tainted
    assert "Enabled" in fleet.on(NODES[0], "k3s secrets-encrypt status")


def test_the_status_of_each_server_is_whole(fleet: Fleet) -> None:
    """Every server names three members and one leader, and has an API server that is ready."""
    servers = [server["health"] for server in json.loads(fleet.run("k3s", "status", "--json").stdout)["servers"]]

    assert [("active", True, "ok", True, False)] * 3 == [
        (server["service"], server["etcd_healthy"], server["api"], server["has_etcd_data"], server["job_pending"])
        for server in servers
    ]
    assert [3, 3, 3] == [len(server["members"]) for server in servers]
    assert 1 == len({server["leader"] for server in servers})


def test_the_release_answers_on_the_node_port_of_every_worker(fleet: Fleet) -> None:
    """A request over the vRack to NodePort 30080 reaches the API's pods."""
    for address in ("10.0.0.21", "10.0.0.22", "10.0.0.23"):
        assert (
            fleet.on(NODES[0], f"curl -sf --max-time 5 -o /dev/null -w %{{http_code}} http://{address}:30080/health")
            == "200"
        )


def test_the_secret_in_the_cluster_came_sealed(fleet: Fleet) -> None:
    """The Secret belongs to a SealedSecret, and its value is not in the latter."""
    secret = json.loads(fleet.kubectl("get", "secret", "koprogo-api", "-n", "koprogo", "-o", "json"))
    sealed = fleet.kubectl("get", "sealedsecret", "koprogo-api", "-n", "koprogo", "-o", "json")

    assert [owner["kind"] for owner in secret["metadata"]["ownerReferences"]] == ["SealedSecret"]
    assert not any(value in sealed for value in secret["data"].values())


def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    """It reports no change, writes nothing to OVH, restarts nothing, and makes no new Helm revision."""
    written, invocations = fleet.written(), restarts(fleet)
    revisions = fleet.kubectl("get", "secrets", "-n", "koprogo", "-l", "owner=helm", "-o", "name")

    events = fleet.events("provision", "--yes")

    assert ("summary", "lab", 0, 0, set(NODES)) == (
        events[-1]["event"],
        events[-1]["target"],
        events[-1]["changed"],
        events[-1]["failed"],
        set(events[-1]["hosts"]),
    )
    assert written == fleet.written()
    assert invocations == restarts(fleet)
    assert revisions == fleet.kubectl("get", "secrets", "-n", "koprogo", "-l", "owner=helm", "-o", "name")


def test_the_example_script_does_the_same_run(fleet: Fleet) -> None:
    """``examples/provision.py`` finds the fleet as desired, and says so for every host."""
    script = Path(__file__).parents[3] / "examples" / "provision.py"
    done = subprocess.run(
        [sys.executable, script, fleet.inventory.parent],
        env=fleet.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-2000:]
    assert "0 changes, 0 failed" in done.stdout, done.stdout[-4000:]
    assert all(f"{node} is as desired" in done.stdout for node in NODES)


def test_what_was_changed_by_hand_is_named_and_mended(fleet: Fleet) -> None:
    """A stopped K3s, an edited file, a deleted rule and a deleted Secret: plan names exactly these, provision mends them."""
    fleet.on("koprogo-worker-1", "systemctl stop k3s-agent")
    fleet.on("koprogo-cp-2", "echo 'debug: true' >> /etc/rancher/k3s/config.yaml")
    fleet.on("koprogo-worker-2", "ufw delete allow from 10.0.0.21 to any port 10250 proto tcp")
    fleet.on("koprogo-cp-3", "sed -i s/MaxAuthTries.*/MaxAuthTries\\ 6/ /etc/ssh/sshd_config.d/10-koprogo.conf")
    fleet.kubectl("delete", "sealedsecret,secret", "koprogo-api", "-n", "koprogo", "--ignore-not-found")

    found = fleet.differences()

    assert {"", "koprogo-worker-1", "koprogo-cp-2", "koprogo-worker-2", "koprogo-cp-3"} == set(found)
    assert ["service k3s-agent"] == found["koprogo-worker-1"]
    assert ["content of file /etc/rancher/k3s/config.yaml"] == found["koprogo-cp-2"]
    assert len(found["koprogo-worker-2"]) == 1
    assert "10250" in found["koprogo-worker-2"][0]
    assert ["content of file /etc/ssh/sshd_config.d/10-koprogo.conf"] == found["koprogo-cp-3"]
    assert any("koprogo-api" in what for what in found[""])

    mended = fleet.summary("provision", "--yes")

    assert mended["changed"] == sum(map(len, found.values()))
    assert fleet.differences() == {}


def test_nothing_exists_twice(fleet: Fleet) -> None:
    """Whatever was run before, each object at OVH has a name of its own."""
    api = fleet.api
    found = {
        "instances": [item.name for item in instances.list_instances(api)],
        "volumes": [item.name for item in volumes.list_volumes(api)],
        "networks": [item.name for item in networks.list_private_networks(api)],
        "SSH keys": [item.name for item in ssh_keys.list_ssh_keys(api)],
    }

    assert {"instances": NODES, "volumes": NODES[3:], "networks": ["koprogo-vrack"], "SSH keys": ["koprogo"]} == {
        kind: sorted(names) for kind, names in found.items()
    }
