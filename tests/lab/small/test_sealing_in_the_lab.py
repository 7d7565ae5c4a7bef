"""The sealing keys of a real fleet, by the command line alone: three servers, the tunnel, the lab's Vault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lab_fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800), pytest.mark.exhaustive]

SECRET = "{kind: Secret, metadata: {name: sealed-here, namespace: default}, stringData: {a: first value}}"


def run(fleet: Fleet, *arguments: str, expected: int = 0) -> str:
    """Run ``koprogo-fleet secrets``; return what it printed."""
    done = fleet.run("secrets", *arguments, timeout=600)
    assert expected == done.returncode, done.stdout + done.stderr
    return done.stdout


def live(fleet: Fleet) -> str:
    """Return what the Secret holds."""
    return str(fleet.kubectl("get", "secret", "sealed-here", "-o", "jsonpath={.data.a}"))


def test_from_a_file_to_a_wiped_controller(small: Fleet, tmp_path: Path) -> None:
    """Sealed, renewed, sealed again, the old key retired, all keys lost and restored: the Secret is always the same."""
    plain, sealed = tmp_path / "secret.yaml", tmp_path / "sealed.yaml"
    plain.write_text(SECRET)
    run(small, "seal", "-f", str(plain), "-w", str(sealed))
    assert (small.inventory / "sealing.pem").exists()
    run(small, "seal", "--validate", "-f", str(sealed))
    small.kubectl("apply", "-f", str(sealed))
    small.kubectl("wait", "--for=condition=Synced", "--timeout=60s", "sealedsecret/sealed-here")
    run(small, "keys", "backup")
    (old,) = [key["name"] for key in json.loads(run(small, "keys", "status", "--json"))["keys"]]
    value = live(small)

    run(small, "keys", "renew", "--yes")
    run(small, "seal", "--re-encrypt", "-f", str(sealed))
    run(small, "reseal", "--yes")
    run(small, "reseal", "--dry-run")
    run(small, "keys", "retire", old, "--confirm", old)
    assert value == live(small)

    small.kubectl(
        "--namespace", "kube-system", "delete", "secret", "--selector", "sealedsecrets.bitnami.com/sealed-secrets-key"
    )
    small.kubectl("delete", "secret", "sealed-here")
    run(small, "keys", "restore", "--yes")
    assert value == live(small)
    run(small, "keys", "backup")
    run(small, "keys", "accept", "--yes")
    run(small, "reseal", "--yes")
    run(small, "keys", "status")
    assert value == live(small)
