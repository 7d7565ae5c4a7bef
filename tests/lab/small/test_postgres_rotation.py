"""
A PostgreSQL role rotated under consumers that are real pods and log in every 50 ms; and killed at twenty moments.

The pods run the node's own Python in the lab's web image. What each login met is written on the nodes, since a pod's log goes with it.
What a rotation took, and how many logins there were, is printed.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from lab_fleet import Fleet

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.images import WEB_IMAGE
from koprogo_fleet.lab.lab import Lab, LabEndpoints
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.vault import Stored, Vault, VaultSession

pytestmark = [pytest.mark.lab, pytest.mark.timeout(5400), pytest.mark.exhaustive]

NAME = "consumer-database"
NAMESPACE = "default"
DEPLOYMENT = "consumer"
ADMIN_PATH, PATH = "koprogo/postgres-admin", "koprogo/consumer-database"
PROGRAM = Path(__file__).parents[1] / "database_consumer.py"
LOGS = "var/log/koprogo-consumer"
KILLS = 20
FIELDS = {
    "username": "DATABASE_USER",
    "password": "DATABASE_PASSWORD",
    "host": "DATABASE_HOST",
    "port": "DATABASE_PORT",
    "dbname": "DATABASE_NAME",
}
OF_THE_NODE = {"usr": "/usr", "lib": "/lib", "lib64": "/lib64"}
"""Folders in which the node's Python is."""


def secret(endpoints: LabEndpoints) -> dict[str, object]:
    """Return the secret, as secrets.yaml has it."""
    database = endpoints.database
    assert database is not None
    return {
        "name": NAME,
        "kind": "postgres-role",
        "server": {
            "host": database.host,
            "port": database.port,
            "database": database.database,
            "ca": str(database.ca),
        },
        "admin": {"path": ADMIN_PATH},
        "group": "consumer_owner",
        "base": "consumer",
        "vault": {"path": PATH},
        "targets": [{"namespace": NAMESPACE, "name": NAME, "keys": FIELDS}],
        "consumers": [{"namespace": NAMESPACE, "name": DEPLOYMENT}],
    }


def manifests(ca: Path) -> list[dict[str, object]]:
    """Return the program and the authority, and two pods that run the one and verify with the other."""
    mounts = [{"name": name, "mountPath": path, "readOnly": True} for name, path in OF_THE_NODE.items()]
    volumes: list[dict[str, object]] = [
        {"name": name, "hostPath": {"path": path}} for name, path in OF_THE_NODE.items()
    ]
    container = {
        "name": "consumer",
        "image": WEB_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["/usr/bin/python3", "-I", "/app/consumer.py", "/app/ca.pem", "/log"],
        "envFrom": [{"secretRef": {"name": NAME}}],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [*mounts, {"name": "app", "mountPath": "/app"}, {"name": "log", "mountPath": "/log"}],
    }
    volumes.append({"name": "app", "configMap": {"name": DEPLOYMENT}})
    volumes.append({"name": "log", "hostPath": {"path": f"/{LOGS}", "type": "DirectoryOrCreate"}})
    labels = {"app": DEPLOYMENT}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": DEPLOYMENT, "namespace": NAMESPACE},
            "data": {"consumer.py": PROGRAM.read_text(), "ca.pem": ca.read_text()},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": DEPLOYMENT, "namespace": NAMESPACE},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 20},
                },
            },
        },
    ]


def stored(fleet: Fleet) -> Stored:
    """Return what Vault has of the secret."""
    endpoints = Lab(fleet.lab).up()
    with VaultSession.with_token(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca) as session:
        found = Vault(session).read(PATH)
    assert found is not None
    return found


def logins(fleet: Fleet) -> Counter[str]:
    """Return how the logins of all pods went, those that are gone included: ``ok USER``, and each failure."""
    files = LabPaths(fleet.lab).root.glob(f"machines/*/upper/{LOGS}/*")
    return Counter(line for file in files for line in file.read_text().splitlines())


def failures(fleet: Fleet) -> list[str]:
    """Return the logins that failed."""
    return [line for line in logins(fleet) if not line.startswith("ok ")]


def rotate(fleet: Fleet) -> subprocess.CompletedProcess[str]:
    """Rotate to the end."""
    return fleet.run("secrets", "rotate", NAME, "--yes", timeout=900)


def assert_in_use(fleet: Fleet) -> None:
    """Assert that the consumers log in as the user that Vault names now."""
    user = stored(fleet).values["username"].reveal()
    before = logins(fleet)[f"ok {user}"]

    def used() -> None:
        if logins(fleet)[f"ok {user}"] < before + 20:
            raise NotYet(str(logins(fleet)))

    wait_for(f"the consumers log in as {user}", used, seconds=120)


@pytest.fixture(scope="module")
def consumed(small: Fleet) -> Iterator[Fleet]:
    """Yield the fleet with a database, a first pair of values, and two pods that use them."""
    endpoints = Lab(small.lab).up(database=True)
    assert endpoints.database is not None
    with VaultSession.with_token(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca) as session:
        admin = {"username": Secret(endpoints.database.user), "password": endpoints.database.password}
        Vault(session).write(ADMIN_PATH, admin, 0)
    document = {"secrets": [secret(endpoints)]}
    (small.inventory / "secrets.yaml").write_text(json.dumps(document))  # JSON is YAML
    applied = small.root / "consumer.yaml"
    applied.write_text(yaml.safe_dump_all(manifests(endpoints.database.ca)))
    small.kubectl("apply", "-f", str(applied))
    try:
        done = rotate(small)  # the pods wait for their Secret until then
        assert done.returncode == 0, done.stdout + done.stderr
        small.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{DEPLOYMENT}", "--timeout=100s")
        assert_in_use(small)

        yield small
    finally:
        small.kubectl("delete", "-f", str(applied), "--ignore-not-found")
        (small.inventory / "secrets.yaml").write_text("secrets: []\n")


def test_no_login_is_lost(consumed: Fleet) -> None:
    """A rotation goes to the other user, in one version of Vault's more, and none of the pods' logins fails."""
    before = stored(consumed).values

    done = rotate(consumed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert before["username"] != stored(consumed).values["username"]
    assert_in_use(consumed)
    assert [] == failures(consumed)


def test_killed_at_twenty_moments(consumed: Fleet) -> None:
    """After each kill the next run ends what was begun, or begins anew; no pod's login fails, and never is there a third user."""
    began = time.monotonic()
    done = rotate(consumed)
    assert done.returncode == 0, done.stdout + done.stderr
    seconds = time.monotonic() - began

    for moment in range(1, KILLS + 1):
        process = consumed.start("secrets", "rotate", NAME, "--yes")
        time.sleep(seconds * moment / (KILLS + 1))  # the moment is what is tested
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert [] == failures(consumed), f"at moment {moment}"

        again = rotate(consumed)
        assert again.returncode == 0, f"at moment {moment}: {again.stdout}{again.stderr}"
        assert [] == failures(consumed), f"after moment {moment}"
        assert_in_use(consumed)

    found = logins(consumed)
    print(f"one rotation took {seconds:.1f} s; {found.total()} logins, {len(failures(consumed))} failed")  # noqa: T201 - the figures
    assert {"ok consumer_a", "ok consumer_b"} == set(found)


def test_no_password_is_seen(consumed: Fleet) -> None:
    """No password is in what commands printed, in a journal, or in the database's log."""
    password = stored(consumed).values["password"].reveal().encode()
    log = LabPaths(consumed.lab).root / "postgres" / "postgres.log"
    files = [log, *(path for path in consumed.root.rglob("*") if path.is_file() and path.stat().st_size < 10**7)]

    assert [] == [path for path in files if password in path.read_bytes()]
