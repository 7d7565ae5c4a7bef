"""What goes wrong on real nodes: each fault is named, ends with its exit code, and the next run mends what it left."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import requests
from killed_runs import assert_continued
from lab_fleet import COMMAND, Fleet, make_fleet
from open_vault import open_vault
from ruamel.yaml import YAML

from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.paths import LabPaths

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]  # the first of them provisions

SERVERS = ["koprogo-cp-1", "koprogo-cp-2", "koprogo-cp-3"]


def assert_explained(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Assert that a command ended with exit code 2 and an explanation that has all *parts*, and no traceback."""
    text = done.stdout + done.stderr

    assert done.returncode == 2, text
    assert "Traceback" not in text
    assert "Next:" in text
    for part in parts:
        assert part in text


def assert_provision_mends(fleet: Fleet) -> None:
    """Assert that one run brings everything back, and that nothing is left after it."""
    assert fleet.summary("provision", "--yes")["failed"] == 0
    assert fleet.differences() == {}


def test_a_wrong_host_key_is_refused(fleet: Fleet) -> None:
    """A node that shows another host key than the recorded one is not logged in to."""
    known_hosts = fleet.inventory / "known_hosts"
    kept = known_hosts.read_text()
    lines = {line.split()[0].split(",")[0]: line for line in kept.splitlines()}
    other = lines["koprogo-cp-1"].split()[2]
    own = lines["koprogo-worker-1"].split()[2]
    known_hosts.write_text(kept.replace(own, other))
    try:
        done = fleet.run("plan")
    finally:
        known_hosts.write_text(kept)

    assert_explained(done, "koprogo-worker-1", "host key", "SHA256:")


@pytest.mark.exhaustive
def test_a_full_disk_is_named_and_leaves_the_old_file(fleet: Fleet) -> None:
    """A config file that does not fit leaves the old one whole, and the error says that the disk is full."""
    worker = "koprogo-worker-2"
    fleet.on(
        worker,
        """
        cp -a /etc/rancher/k3s /root/kept
        mount -t tmpfs -o size=64k tmpfs /etc/rancher/k3s
        cp -a /root/kept/. /etc/rancher/k3s/
        echo 'debug: true' >> /etc/rancher/k3s/config.yaml
        dd if=/dev/zero of=/etc/rancher/k3s/filler bs=1k 2>/dev/null || true
        """,
    )
    before = fleet.on(worker, "sha256sum /etc/rancher/k3s/config.yaml")
    done = fleet.run("provision", "--yes")
    after = fleet.on(worker, "sha256sum /etc/rancher/k3s/config.yaml; umount /etc/rancher/k3s; rm -r /root/kept")

    assert_explained(done, worker, "disk is full")
    assert after.splitlines()[0] == before.strip()
    assert_provision_mends(fleet)


@pytest.mark.exhaustive
def test_a_taken_port_is_named(fleet: Fleet) -> None:
    """A program that sits on port 6443 is the cause that the error gives."""
    server = "koprogo-cp-3"
    fleet.on(
        server,
        """
        systemctl stop k3s
        systemd-run --unit squatter python3 -m http.server 6443
        """,
    )
    try:
        done = fleet.run("provision", "--yes")
    finally:
        fleet.on(server, "systemctl stop squatter")

    assert_explained(done, server, "address already in use", "another program listens")
    assert_provision_mends(fleet)


@pytest.mark.exhaustive
def test_a_token_that_does_not_match_is_named(fleet: Fleet) -> None:
    """With another server token in Vault than the cluster was started with, K3s refuses, and the error says so."""
    endpoints = Lab(fleet.lab).up()
    with open_vault(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca) as vault:
        right = vault.read("koprogo/k3s")
        assert right is not None
        version = vault.write("koprogo/k3s", {**right.values, "server": right.values["agent"]}, right.version)
        done = fleet.run("provision", "--yes")
        vault.write("koprogo/k3s", right.values, version)

    assert_explained(done, "koprogo-cp-1", "token")
    assert_provision_mends(fleet)


@pytest.mark.exhaustive
def test_the_api_survives_one_server_and_says_why_not_two(fleet: Fleet) -> None:
    """Without one server the API takes writes; without two it refuses them, and ``k3s status`` says why."""
    fleet.machines.kill(fleet.instance_id(SERVERS[0]))
    time.sleep(5)  # etcd elects anew after its election timeout

    fleet.kubectl("create", "configmap", "after-one", "-n", "default")
    degraded = fleet.run("k3s", "status")
    fleet.machines.kill(fleet.instance_id(SERVERS[1]))
    time.sleep(5)
    lost = fleet.run("k3s", "status")
    refused = fleet.run("kubectl", "--", "create", "configmap", "after-two", "-n", "default", "--request-timeout=15s")

    assert degraded.returncode == 1
    assert "2 of 3 members are up; the API works, and 0 more may fail" in degraded.stdout
    assert lost.returncode == 1
    assert "lost its quorum: 1 of 3 members are up, 2 are needed" in " ".join(lost.stdout.split())
    assert refused.returncode != 0

    assert_provision_mends(fleet)
    assert "after-one" in fleet.kubectl("get", "configmap", "-n", "default", "-o", "name")


@pytest.mark.parametrize("seconds", [2.0, pytest.param(9.0, marks=pytest.mark.exhaustive)])
def test_a_killed_run_is_continued(fleet: Fleet, seconds: float) -> None:
    """Killed while it replaces a worker, the next run converges, and makes nothing twice. All moments: ./nox -s soak."""
    assert_continued(fleet, seconds)


@pytest.mark.exhaustive
def test_a_node_that_never_boots_ends_the_wait(tmp_path: Path) -> None:
    """A machine that OVH calls ACTIVE and that never answers is an error after the deadline, with what was seen."""
    fleet = make_fleet("t-noboot", tmp_path)
    _one_server(fleet)
    endpoints = Lab(fleet.lab).up()
    try:
        fault = {"method": "POST", "path": "*/instance", "kind": "never-boots", "times": 1}
        requests.post(f"{endpoints.ovh_url.removesuffix('/1.0')}/lab/faults", json=fault, timeout=5).raise_for_status()
        done = fleet.run("provision", "--yes", "--boot-seconds", "8")
    finally:
        Lab(fleet.lab).down()

    assert_explained(done, "koprogo-cp-1", "SSH", "last seen")


def test_a_wrong_ovh_key_shows_the_api_s_own_words(tmp_path: Path) -> None:
    """The API's message and its query id are in the error."""
    fleet = make_fleet("t-wrongkey", tmp_path)
    shutil.move(fleet.inventory, fleet.inventory.with_name("production"))
    endpoints = Lab(fleet.lab).up()
    try:
        done = fleet.run(
            "plan",
            OVH_ENDPOINT=endpoints.ovh_url,
            OVH_APPLICATION_KEY="wrong",
            OVH_APPLICATION_SECRET="wrong",
            OVH_CONSUMER_KEY="wrong",
            VAULT_ADDR=endpoints.vault_address,
            VAULT_TOKEN=endpoints.vault_token.reveal(),
            VAULT_CACERT=str(endpoints.vault_ca),
        )
    finally:
        Lab(fleet.lab).down()

    assert_explained(done, "This application key is invalid", "uery", "OVH_APPLICATION_KEY")


def test_the_lab_without_root_says_how_to_get_it(tmp_path: Path) -> None:
    """A user who is not root is told to use sudo, and nothing is started."""
    fleet = make_fleet("t-noroot", tmp_path)
    done = subprocess.run(
        ["unshare", "--user", COMMAND, "provision", "--yes"],
        env=fleet.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert_explained(done, "root", "sudo")
    assert not LabPaths(fleet.lab).root.exists()


def _one_server(fleet: Fleet) -> None:
    """Reduce the fleet to one control plane."""
    yaml = YAML()
    path = fleet.inventory / "fleet.yaml"
    document = yaml.load(path)
    document["pools"] = [{**document["pools"][0], "count": 1}]
    yaml.dump(document, path)


def test_the_journal_tells_what_was_done(fleet: Fleet) -> None:
    """Every run left a journal with its phases, and no value of a secret is in it."""
    journals = sorted((fleet.root / "state" / "koprogo" / "journal").glob("*.jsonl"))
    password = json.loads(fleet.kubectl("get", "secret", "koprogo-api", "-n", "koprogo", "-o", "json"))["data"]
    text = "".join(path.read_text() for path in journals)

    assert "Secrets: Vault to cluster" in text
    assert not any(value in text for value in password.values())
