"""K3s as fleet.yaml sets it up, on three servers and a worker: installed, changed while it runs, and refused."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from faults import SERVERS
from invariants import quorum_kept
from lab_fleet import Fleet, make_fleet
from open_vault import open_vault

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.standin import artifact
from koprogo_fleet.workflows.artifacts import sha256_of
from koprogo_fleet.workflows.nornir import open_nornir

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800), pytest.mark.exhaustive]

WORKER = "koprogo-worker-1"
PASSWORD = "canary-of-the-mirror"
VERSION = "v1.33.4+k3s1"
SMALL: dict[str, Any] = {
    "name": "koprogo",
    "pools": [
        {"name": "cp", "role": "server", "count": 3, "flavor": "b2-7", "first_address": "10.0.0.11"},
        {"name": "worker", "role": "agent", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.21"},
    ],
    "k3s": {"version": VERSION, "endpoint": "10.0.0.10"},
    "backups": {"region": "GRA", "bucket": "koprogo-backups"},
}


def write(fleet: Fleet, *, network: dict[str, str] | None = None, **k3s: Any) -> None:
    """Write fleet.yaml with other values in its section k3s."""
    document = SMALL | {"k3s": SMALL["k3s"] | k3s} | ({"network": network} if network else {})
    (fleet.inventory / "fleet.yaml").write_text(yaml.safe_dump(document))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return a small fleet that was provisioned from nothing; at the end its lab is taken down."""
    fleet = make_fleet("t-k3s-config", tmp_path_factory.mktemp("k3s-config"))
    write(fleet)
    (fleet.inventory / "secrets.yaml").write_text("secrets: []\n")
    (fleet.inventory / "releases.yaml").write_text("releases: []\n")
    try:
        done = fleet.run("provision", "--yes", timeout=1500)
        assert done.returncode == 0, done.stdout + done.stderr

        yield fleet
    finally:
        fleet.run("lab", "down")


def provision(fleet: Fleet) -> str:
    """Provision, which must succeed; return what was told."""
    done = fleet.run("provision", "--yes", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr

    return done.stdout


def refused(fleet: Fleet) -> str:
    """Plan, which must be refused; return what was told."""
    done = fleet.run("plan")
    assert done.returncode not in {0, 3}, done.stdout

    return " ".join((done.stdout + done.stderr).split())


def test_a_cluster_is_set_up_as_fleet_yaml_says(small: Fleet) -> None:
    """Encryption that cannot be had is said; files are root's alone; what is written is audited, and no value of it."""
    said = " ".join(small.heard.read_text().split())
    config = yaml.safe_load(small.on(SERVERS[0], f"cat {paths.CONFIG}"))
    if "wireguard-native" != config["flannel-backend"]:
        assert f"NOT encrypted: flannel backend {config['flannel-backend']}" in said
    assert "k3s.endpoint 10.0.0.10 is not applicable" in said
    assert "https://10.0.0.11:6443" == yaml.safe_load(small.on(WORKER, f"cat {paths.CONFIG}"))["server"]
    assert "10.0.0.10" in config["tls-san"]

    files = f"{paths.ADMISSION} {paths.AUDIT_POLICY} {paths.S3_KEYS} {paths.CONFIG}"
    assert ["600 root"] * 4 == small.on(SERVERS[1], f"stat -c '%a %U' {files}").splitlines()
    assert "700 root\n" == small.on(SERVERS[1], f"stat -c '%a %U' {Path(paths.AUDIT_LOG).parent}")
    keys = yaml.safe_load(small.on(SERVERS[1], f"cat {paths.S3_KEYS}"))
    assert {"etcd-s3-access-key", "etcd-s3-secret-key"} == set(keys)
    assert ("0 */6 * * *", "360") == (config["etcd-snapshot-schedule-cron"], config["etcd-s3-retention"])
    told = [path for path in small.root.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert not [path for path in told if keys["etcd-s3-secret-key"].encode() in path.read_bytes()]

    small.kubectl("create", "secret", "generic", "audited", "--from-literal=key=canary-of-the-audit")
    logs = "".join(small.on(server, f"cat {paths.AUDIT_LOG}") for server in SERVERS)
    created = [json.loads(line) for line in logs.splitlines() if '"audited"' in line]
    assert ("Metadata", "create") in [(event["level"], event["verb"]) for event in created]
    assert "canary-of-the-audit" not in logs
    assert {} == small.differences()


class Mirror(BaseHTTPRequestHandler):
    """A registry's mirror that has nothing, and wants to know who asks."""

    asked: list[tuple[str, str]]

    def do_HEAD(self) -> None:
        """Answer as to a GET: there is no body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Ask for credentials; with any, say that there is no such image."""
        given = self.headers.get("Authorization", "")
        self.asked.append((self.path, given))
        self.send_response(404 if given else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="mirror"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(fleet: Fleet, handler: Any) -> Iterator[str]:
    """Serve HTTP to the nodes while the block runs; yield host and port, as the nodes see them."""
    address = open_nornir(fleet.inventory).inventory.hosts[WORKER].hostname
    host = IPv4Network(f"{IPv4Address(address or '')}/24", strict=False)[1]
    with ThreadingHTTPServer((str(host), 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{host}:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def releases(fleet: Fleet, root: Path) -> Iterator[str]:
    """Serve K3s' release (the lab's artefact) as the project does; yield the URL of the releases."""
    folder = root / VERSION
    folder.mkdir(exist_ok=True)
    (folder / "k3s").write_bytes(artifact(VERSION).read_bytes())
    with served(fleet, partial(SimpleHTTPRequestHandler, directory=str(root))) as place:
        yield f"http://{place}"


def test_changes_restart_one_server_at_a_time(small: Fleet, tmp_path: Path) -> None:
    """Mirror with credentials, audit, snapshots and the way of the binary change while etcd keeps its quorum."""
    endpoints = Lab(small.lab).up()
    with open_vault(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca) as vault:
        values = {"username": Secret("node"), "password": Secret(PASSWORD)}
        vault.write("koprogo/registries/mirror", values, expected_version=0)
    asked: list[tuple[str, str]] = []
    mirror = type("Recorded", (Mirror,), {"asked": asked})
    with served(small, mirror) as place, releases(small, tmp_path) as url:
        write(
            small,
            audit=False,
            install="online",
            releases=url,
            sha256=sha256_of(artifact(VERSION)),
            snapshots={"keep_days": 90},
            registries={
                "mirrors": {"docker.io": {"endpoint": [f"http://{place}"]}},
                "access": {place: {"vault": "registries/mirror"}},
            },
        )
        small.on(WORKER, f"rm {paths.BINARY}")
        with quorum_kept(small):
            provision(small)
        assert {} == small.differences()
        small.kubectl("run", "pulled", "--image=docker.io/library/nothing:1", "--restart=Never")

        def pulled() -> None:
            if not any("/v2/library/nothing/manifests/1" in path and given for path, given in asked):
                raise NotYet(f"{asked}")

        wait_for("the mirror to be asked", pulled, seconds=90)

    expected = "Basic " + base64.b64encode(f"node:{PASSWORD}".encode()).decode()
    assert expected in {given for _, given in asked}
    assert "600 root\n" == small.on(SERVERS[2], f"stat -c '%a %U' {paths.REGISTRIES}")
    assert PASSWORD not in small.heard.read_text()
    started = "systemctl show k3s --property=ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic --value"
    spans = sorted(tuple(sorted(int(line) for line in small.on(server, started).split())) for server in SERVERS)
    assert all(before[1] <= after[0] for before, after in pairwise(spans)), spans
    assert sha256_of(artifact(VERSION)) in small.on(WORKER, f"sha256sum {paths.BINARY}")
    assert "audit" not in small.on(SERVERS[0], f"grep -v '^#' {paths.CONFIG}")


def test_a_binary_with_another_checksum_is_never_put_in_place(small: Fleet, tmp_path: Path) -> None:
    """The node keeps what it has, and the message has both checksums."""
    before = small.on(WORKER, f"sha256sum {paths.BINARY}")
    with releases(small, tmp_path) as url:
        write(small, install="online", releases=url, sha256="0" * 64)
        done = small.run("provision", "--yes", timeout=900)

    assert done.returncode != 0
    assert f"is{sha256_of(artifact(VERSION))},not{'0' * 64}" in "".join((done.stdout + done.stderr).split())
    assert before == small.on(WORKER, f"sha256sum {paths.BINARY}")


def test_what_a_cluster_cannot_change_is_refused_in_a_plan(small: Fleet) -> None:
    """Networks and backend are named with the reason; nothing is changed."""
    write(small, network={"pods": "10.98.0.0/16", "services": "10.99.0.0/16"}, flannel_backend="host-gw")
    told = refused(small)

    assert "cluster-cidr (network.pods) from 10.42.0.0/16 to 10.98.0.0/16: nodes and pods keep" in told
    assert "service-cidr (network.services) from 10.43.0.0/16 to 10.99.0.0/16" in told
    assert "flannel-backend (k3s.flannel_backend) from" in told


def test_servers_that_would_disagree_are_named(small: Fleet) -> None:
    """A file beside config.yaml on one server is told with its key and path before anything restarts."""
    write(small)
    mine = f"{paths.CONFIG_DROP_INS}/90-mine.yaml"
    small.on(SERVERS[1], f"echo 'egress-selector-mode: disabled' > {mine}")
    told = refused(small)
    small.on(SERVERS[1], f"rm {mine}")

    assert f"koprogo-cp-2: disabled ({mine})" in told
    assert "koprogo-cp-1: agent (K3s' default)" in told


def test_the_kernel_decides_about_encryption(small: Fleet) -> None:
    """Encryption that fleet.yaml insists on is refused where a kernel cannot, never replaced."""
    write(small, flannel_backend="wireguard-native")
    done = small.run("plan")

    backend = yaml.safe_load(small.on(SERVERS[0], f"cat {paths.CONFIG}"))["flannel-backend"]
    if backend == "wireguard-native":
        assert done.returncode in {0, 3}
    else:
        assert "flannel backend wireguard-native: not possible on koprogo-cp-1" in " ".join(
            (done.stdout + done.stderr).split()
        )
