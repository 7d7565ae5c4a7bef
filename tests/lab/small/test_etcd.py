"""
Snapshots of etcd, restored on three servers and two workers, with the lab's S3; a lost quorum repaired; runs killed on the way.

What a restore costs a client that writes and reads every 100 ms is printed, and so are the wall times.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import AbstractContextManager
from typing import Any

import pytest
from api_client import api_client
from faults import SERVERS
from lab_fleet import Fleet
from open_vault import open_vault

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.ovh import instances
from koprogo_fleet.vault import Vault

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400), pytest.mark.exhaustive]

WORKERS = ("koprogo-worker-1", "koprogo-worker-2")
WORKER = WORKERS[0]
ADDRESSES = ("10.0.0.11", "10.0.0.12", "10.0.0.13")
DATABASE = "/var/lib/rancher/k3s/server/db"
KINDS = "namespaces,configmaps,secrets,serviceaccounts,nodes,clusterroles"


def uids(fleet: Fleet) -> dict[str, str]:
    """Return the UID of every object of some kinds, by kind, namespace and name."""
    listed = json.loads(fleet.kubectl("get", KINDS, "--all-namespaces", "-o", "json"))["items"]
    return {
        f"{item['kind']}/{item['metadata'].get('namespace', '')}/{item['metadata']['name']}": item["metadata"]["uid"]
        for item in listed
        if not item["metadata"]["name"].endswith(".node-password.k3s")
    }


def save(fleet: Fleet, name: str) -> dict[str, Any]:
    """Make a snapshot; return what ``list`` says of it."""
    done = fleet.run("etcd", "save", "--name", name)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(one for one in listed(fleet) if one["name"].startswith(name))


def listed(fleet: Fleet) -> list[dict[str, Any]]:
    """Return what ``etcd list`` says."""
    done = fleet.run("etcd", "list", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["snapshots"]
    return found


def restore(fleet: Fleet, name: str, *options: str) -> str:
    """Restore a snapshot to its end; return what was said."""
    began = time.monotonic()
    done = fleet.run("etcd", "restore", name, "--confirm", "koprogo", *options, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"restore of three servers and two workers: {time.monotonic() - began:.0f} s")  # noqa: T201 - the figure
    return done.stdout + done.stderr


def assert_well(fleet: Fleet) -> None:
    """Assert that three members vote, every node is Ready, nothing is left of the operation, and a plan finds nothing."""
    done = fleet.run("k3s", "status")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 members are up" in done.stdout
    statuses = fleet.kubectl("get", "nodes", "--no-headers")
    assert [" Ready" in line for line in statuses.splitlines()] == [True] * 5, statuses
    for server in SERVERS:
        assert (
            fleet.on(server, f"ls {DATABASE} /etc/rancher/k3s/config.yaml.d 2>/dev/null | grep -c koprogo-[rj] || :")
            == "0\n"
        )
    assert fleet.differences() == {}


def test_a_snapshot_is_restored_and_the_cluster_is_what_it_was(small: Fleet) -> None:
    """After a restore every object has the UID that it had, what came later is gone and was named, Secrets are readable."""
    with api_client(small, WORKER, ADDRESSES, "a snapshot") as client:
        made = save(small, "drill")
    assert client.report.failures == []
    assert sorted(made["places"]) == ["koprogo-cp-1", "s3"]
    assert made["token_version"] == 1
    whole = small.run("etcd", "verify", made["name"])
    assert whole.returncode == 0, whole.stdout
    assert whole.stdout.count("whole") == 2
    before = uids(small)
    small.kubectl("create", "configmap", "came-later")

    with api_client(small, WORKER, ADDRESSES, "a restore") as client:
        said = restore(small, made["name"])

    assert "ConfigMap default/came-later (created since)" in said
    after = uids(small)
    assert "ConfigMap/default/came-later" not in after
    assert {name: after.get(name) for name in before} == before
    assert client.report.canary_reads > 0
    assert not any("another value" in told for told in client.report.unreadable)
    assert_well(small)
    assert small.run("etcd", "prune", "--name", "drill", "--keep", "1", "--yes").returncode == 0
    assert [one["name"] for one in listed(small) if one["name"].startswith("drill")] == [made["name"]]


def test_what_is_no_whole_snapshot_is_refused_before_anything_stops(small: Fleet) -> None:
    """A snapshot that is cut off, empty or unreadable in S3 is found, and not restored; the cluster goes on meanwhile."""
    made = save(small, "harmed")
    small.on("koprogo-cp-1", f"truncate -s 100000 {DATABASE}/snapshots/{made['name']}")
    with api_client(small, WORKER, ADDRESSES, "a refused restore") as client:
        done = small.run("etcd", "restore", made["name"], "--server", "koprogo-cp-1", "--confirm", "koprogo")
        found = small.run("etcd", "verify", made["name"])
        small.on("koprogo-cp-1", f": >{DATABASE}/snapshots/{made['name']}")
        empty = small.run("etcd", "restore", made["name"], "--server", "koprogo-cp-1", "--confirm", "koprogo")
    assert client.report.failures == []
    assert done.returncode == 1
    assert "was cut off" in done.stdout + done.stderr
    assert "it is empty" in empty.stdout + empty.stderr
    assert found.returncode == 1
    assert f"{made['name']} on s3: whole" in found.stdout
    refused = small.run("etcd", "restore", made["name"], "--server", "koprogo-cp-2")
    assert refused.returncode == 2, "nobody typed the name"

    with _vault(small) as vault:
        path = "koprogo/backups/s3"
        stored = vault.read(path)
        assert stored is not None
        wrong = {**stored.values, "secret_key": Secret("0" * 32)}
        version = vault.write(path, wrong, expected_version=stored.version)
        try:
            saved = small.run("etcd", "save", "--name", "unread")
            missing = small.run("etcd", "list")
        finally:
            vault.write(path, stored.values, expected_version=version)
    assert saved.returncode != 0
    assert "Access Denied" in saved.stdout + saved.stderr or "403" in saved.stdout + saved.stderr
    assert missing.returncode == 1
    assert "AccessDenied" in missing.stdout


def test_a_restore_that_is_killed_anywhere_is_continued(small: Fleet) -> None:
    """Killed at one record of its journal after another, and continued each time, a restore ends as an undisturbed one."""
    made = save(small, "killed")
    before = uids(small)
    small.kubectl("create", "configmap", "to-be-lost")
    for records in (14, 18, 22, 26, 30, 36, 44):
        _killed_after(
            small, records, "etcd", "restore", made["name"], "--server", "koprogo-cp-2", "--confirm", "koprogo"
        )
    restore(small, made["name"], "--server", "koprogo-cp-2")
    after = uids(small)
    assert "ConfigMap/default/to-be-lost" not in after
    assert {name: after.get(name) for name in before} == before
    assert_well(small)


def test_a_lost_quorum_is_repaired_from_the_one_that_is_left(small: Fleet) -> None:
    """Two of three disks gone: the cluster goes on with what the third has, with every object; refused while all is well."""
    refused = small.run("etcd", "repair", "--confirm", "koprogo")
    assert refused.returncode == 1
    assert "etcd has its quorum" in refused.stdout + refused.stderr
    before = uids(small)
    for server in ("koprogo-cp-1", "koprogo-cp-3"):
        small.on(server, f"systemctl stop k3s; rm -rf {DATABASE}/etcd")
    began = time.monotonic()
    done = small.run("etcd", "repair", "--confirm", "koprogo", timeout=1200)
    print(f"repair of a lost quorum: {time.monotonic() - began:.0f} s")  # noqa: T201 - the figure
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"goes on with what koprogo-cp-2 has", done.stdout)
    after = uids(small)
    assert {name: after.get(name) for name in before} == before
    assert_well(small)


def test_a_snapshot_from_before_a_rotation_is_restored_with_its_own_token(small: Fleet) -> None:
    """The token of the snapshot's day is taken from Vault, and is the cluster's, and Vault's newest, afterwards."""
    made = save(small, "old-token")
    with _vault(small) as vault:
        stored = vault.read("koprogo/k3s")
        assert stored is not None
        old = stored.values["server"]
        rotated = small.run("k3s", "rotate", "token", "--yes", timeout=900)
        assert rotated.returncode == 0, rotated.stdout + rotated.stderr
        assert save(small, "new-token")["token_version"] > stored.version
        said = restore(small, made["name"])
        newest = vault.read("koprogo/k3s")
    assert f"version {made['token_version']} in Vault" in said
    assert newest is not None
    assert newest.values["server"] == old
    assert_well(small)


def test_a_cluster_is_restored_from_nothing(small: Fleet) -> None:
    """All machines gone, the bucket and Vault left: a new fleet becomes the old cluster again, object by object."""
    made = save(small, "from-nothing")
    before = uids(small)
    for node in (*SERVERS, *WORKERS):
        instances.delete_instance(small.api, small.instance_id(node))
    began = time.monotonic()
    assert small.summary("provision", "--yes", *(f"--lost={name}" for name in WORKERS))["failed"] == 0
    said = restore(small, "latest")
    print(f"restored from nothing, five machines made anew: {time.monotonic() - began:.0f} s")  # noqa: T201 - the figure
    assert made["name"] in said
    after = uids(small)
    assert {name: after.get(name) for name in before if not name.startswith("Node/")} == {
        name: uid for name, uid in before.items() if not name.startswith("Node/")
    }
    assert small.summary("provision", "--yes")["failed"] == 0
    assert_well(small)


def _killed_after(fleet: Fleet, records: int, *arguments: str) -> None:
    """Start a command, and kill it when its journal has so many records; one that ends before is fine."""
    known = {run.id for run in fleet.runs()}
    process = fleet.start(*arguments)
    while process.poll() is None:
        journals = [file for file in (fleet.root / "state/koprogo/journal").glob("*.jsonl") if file.stem not in known]
        if journals and journals[0].read_text().count("\n") >= records:
            process.kill()
            break
        time.sleep(0.05)
    out, _ = process.communicate()
    fleet.hear(out)


def _vault(fleet: Fleet) -> AbstractContextManager[Vault]:
    endpoints = Lab(fleet.lab).up()
    return open_vault(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca)
