"""A secret of the workloads, rotated under real pods: proven, gone on with after a kill, and put back."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400), pytest.mark.exhaustive]

NAMESPACE, NAME, PATH = "rotated", "web-password", "koprogo/rotated"
SECRETS = """\
secrets:
  - name: web-password
    kind: random-password
    vault: {path: koprogo/rotated, key: PASSWORD}
    targets: [{namespace: rotated, name: web, key: PASSWORD}]
    consumers: [{namespace: rotated, name: web, seconds: 120}]
    rotation: {max_age: 90d}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: rotated}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: "koprogo-api:lab"
          imagePullPolicy: Never
          env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: web, key: PASSWORD}}}]
"""


@pytest.fixture(scope="module")
def fleet(small: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Have the secret in the cluster, and a Deployment that uses it; afterwards neither is there."""
    (small.inventory / "secrets.yaml").write_text(SECRETS)
    manifest: Path = tmp_path_factory.mktemp("web") / "web.yaml"
    manifest.write_text(DEPLOYMENT)
    run(small, "secrets", "push")
    small.kubectl("apply", "-f", str(manifest))
    small.kubectl("--namespace", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=100s")
    yield small
    (small.inventory / "secrets.yaml").write_text("secrets: []\n")
    small.kubectl("delete", "namespace", NAMESPACE)


def run(fleet: Fleet, *arguments: str) -> str:
    """Run a command that has to succeed; return what it printed."""
    done = fleet.run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def value(fleet: Fleet) -> str:
    """Return the value in Vault."""
    with fleet.vault as vault:
        stored = vault.read(PATH)
    assert stored is not None
    return stored.values["PASSWORD"].reveal()


def assert_settled(fleet: Fleet) -> None:
    """Assert that every pod was made with the version in Vault, nothing is open, and nothing differs."""
    (state,) = json.loads(run(fleet, "secrets", "status", "--json"))["secrets"]
    assert "" == state["rotation"]
    assert [] == state["problems"]
    listed = json.loads(fleet.kubectl("--namespace", NAMESPACE, "get", "pods", "-o", "json"))["items"]
    pods = [pod["metadata"] for pod in listed if "deletionTimestamp" not in pod["metadata"]]
    key = f"secret.fleet.koprogo.io/{NAME}"
    assert [str(state["vault_version"])] * 2 == [pod["annotations"].get(key) for pod in pods]
    assert 0 == fleet.run("secrets", "push", "--plan").returncode


def test_rotated_and_put_back(fleet: Fleet) -> None:
    """A rotation reaches the pods, a due one finds nothing to do, and a rollback brings the former value to them."""
    before = value(fleet)

    assert 3 == fleet.run("secrets", "rotate", NAME, "--dry-run").returncode
    run(fleet, "secrets", "rotate", NAME, "--yes")

    assert before != value(fleet)
    assert_settled(fleet)
    assert "nothing is due" in run(fleet, "secrets", "rotate", "--due", "--yes")
    run(fleet, "secrets", "rollback", NAME)
    assert before == value(fleet)
    assert_settled(fleet)


@pytest.mark.parametrize("step", ["create", "new values", "seal", "consumers", "no way back", "revoke"])
def test_killed_in_a_step(fleet: Fleet, step: str) -> None:
    """Killed while it does a step, the rotation is gone on with by a push, and ends with one new value."""
    before, known = value(fleet), {run.id for run in fleet.runs()}
    process = fleet.start("secrets", "rotate", NAME, "--yes")
    while process.poll() is None:  # without wait_for, whose ever longer pauses outlast a step
        begun = [item.name for run in fleet.runs() if run.id not in known for item in run.steps]
        if any(name.startswith(f"{NAME}: {step}") for name in begun):
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    run(fleet, "secrets", "push")

    assert before != value(fleet)
    assert_settled(fleet)
