"""
K3s' own secrets, rotated under a client that writes and reads every 100 ms; on three servers and two workers.

What each rotation cost the client is printed: failed requests, the longest gap between two successes.
"""

from __future__ import annotations

import json
import signal
import time

import pytest
from api_client import CANARY, NAMESPACE, api_client
from faults import SERVERS, console
from lab_fleet import Fleet
from open_vault import open_vault

from koprogo_fleet.core.errors import ProofFailed
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.secrets.kinds.k3s_token import K3sToken, K3sTokenSpec
from koprogo_fleet.secrets.kinds.kind import Change, Tools
from koprogo_fleet.secrets.spec import VALUE
from koprogo_fleet.workflows.etcd.runs import changing
from koprogo_fleet.workflows.rotation.service import K3sTokenService
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.target import choose, open_target

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400), pytest.mark.exhaustive]

WORKERS = ("koprogo-worker-1", "koprogo-worker-2")
WORKER = WORKERS[0]
ADDRESSES = ("10.0.0.11", "10.0.0.12", "10.0.0.13")
ELECTION_SECONDS = 10.0
"""An election of etcd (5 s in the stand-in), and as much again for a machine that all nodes share."""
TOKENS = "koprogo/k3s"
ETCD = (
    "ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/var/lib/rancher/k3s/server/tls/etcd/server-ca.crt "
    "--cert=/var/lib/rancher/k3s/server/tls/etcd/client.crt --key=/var/lib/rancher/k3s/server/tls/etcd/client.key"
)


def rotate(fleet: Fleet, what: str) -> str:
    """Rotate *what* to its end, under the client; return what the command printed."""
    with api_client(fleet, WORKER, ADDRESSES, f"rotation of {what}") as client:
        done = fleet.run("k3s", "rotate", what, "--yes", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    report = client.report
    assert report.requests > 100
    assert report.canary_reads > 10
    assert [] == report.unreadable
    assert report.longest_gap < ELECTION_SECONDS, report
    return done.stdout + done.stderr


def assert_well(fleet: Fleet) -> None:
    """Assert that the control plane is healthy, every node Ready, and nothing differs from fleet.yaml."""
    done = fleet.run("k3s", "status")
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = json.loads(fleet.kubectl("get", "nodes", "-o", "json"))["items"]
    ready = [
        node["metadata"]["name"]
        for node in nodes
        for condition in node["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("Ready", "True")
    ]
    assert sorted(ready) == sorted([*SERVERS, *WORKERS])
    assert fleet.differences() == {}


def stored(fleet: Fleet) -> tuple[dict[str, Secret], int]:
    """Return K3s' tokens in Vault, and their version."""
    endpoints = Lab(fleet.lab).up()
    with open_vault(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca) as vault:
        found = vault.read(TOKENS)
    assert found is not None
    return dict(found.values), found.version


def killed_at(fleet: Fleet, what: str, step: str) -> None:
    """Rotate *what*, and kill the run as soon as it begins the step whose title begins with *step*."""
    before = {run.id for run in fleet.runs()}
    process = fleet.start("k3s", "rotate", what, "--yes")

    while process.poll() is None:  # without wait_for, whose ever longer pauses outlast a step
        begun = [item.name for run in fleet.runs() if run.id not in before for item in run.steps]
        if any(name.startswith(step) for name in begun):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said


def keys(fleet: Fleet, server: str) -> dict[str, object]:
    """Return what a server says about its encryption."""
    found: dict[str, object] = json.loads(fleet.on(server, "k3s secrets-encrypt status --output json"))
    return found


def written_with(fleet: Fleet) -> str:
    """Return how etcd has the canary Secret: the first words of its bytes, which name the key."""
    path = f"/registry/secrets/{NAMESPACE}/{CANARY}"
    return fleet.on(SERVERS[0], f"{ETCD} get {path} --print-value-only | head -c 60 | tr -cd '[:print:]'")


def test_the_server_token(small: Fleet) -> None:
    """All servers accept the new token alone, Vault has both, a plan knows no difference; a node can still restart."""
    before, version = stored(small)

    rotate(small, "token")

    after, newer = stored(small)
    assert newer == version + 2
    assert before["server"] != after["server"]
    assert set(after) == {"server", "agent"}
    small.on(SERVERS[1], "timeout 120 systemctl restart k3s")
    assert_well(small)


def test_the_encryption_keys(small: Fleet) -> None:
    """Every Secret is written with the new key, all servers have it and no other, and none was ever unreadable."""
    before = str(keys(small, SERVERS[0])["activekey"])

    told = rotate(small, "encryption")

    found = [keys(small, server) for server in SERVERS]
    assert {"reencrypt_finished"} == {item["stage"] for item in found}
    assert all(item["hashmatch"] for item in found)
    (active,) = {str(item["activekey"]) for item in found}
    assert before != active
    assert not any(item.get("inactivekeys") for item in found)
    assert written_with(small).startswith(f"k8s:enc:aescbc:v1:{active.partition(' ')[2]}:"), told
    assert_well(small)


@pytest.mark.parametrize(
    "step", ["K3s: the shared data", "Token files", "Servers, one by one", "Vault: the new token is"]
)
def test_a_killed_rotation_of_the_token_is_gone_on_with(small: Fleet, step: str) -> None:
    """Killed at any step, the next run ends with the token that Vault had first, and never makes a third."""
    before, version = stored(small)
    killed_at(small, "token", step)
    meanwhile, _ = stored(small)
    pending = meanwhile.get("server_next") or meanwhile["server"]
    assert before["server"] != pending

    if "server_next" in meanwhile:
        refused = small.run("provision", "--yes")
        assert (2, True) == (refused.returncode, "k3s rotate token" in refused.stdout + refused.stderr)
        done = small.run("k3s", "rotate", "token", "--yes", timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr

    after, newer = stored(small)
    assert after["server"] == pending
    assert newer == version + 2
    assert_well(small)


def test_the_agent_token(small: Fleet) -> None:
    """Servers and the agent have the new one, and the agent joins with it after a restart."""
    before, _ = stored(small)

    rotate(small, "agent-token")

    after, _ = stored(small)
    assert before["agent"] != after["agent"]
    assert before["server"] == after["server"]
    small.on(WORKER, "timeout 120 systemctl restart k3s-agent")
    assert_well(small)


def test_the_certificates(small: Fleet) -> None:
    """Every node's certificates end later than before, and the kubeconfig here is the new one and works."""
    ends = "k3s certificate check 2>&1 | grep -v CertSign | grep -o '20[0-9-]*T[0-9:]*Z\"$' | sort | head -n 1"
    before = {node: small.on(node, ends) for node in (*SERVERS, *WORKERS)}
    kubeconfig = small.root / "state" / "koprogo" / "kubeconfig"
    old = kubeconfig.read_text()

    told = rotate(small, "certificates")

    assert all(small.on(node, ends) > before[node] for node in before), told
    assert old != kubeconfig.read_text()
    assert "364 days left, or more" in " ".join(told.split())
    assert_well(small)


@pytest.mark.parametrize("stage", ["prepare", "rotate", "reencrypt_active"])
def test_an_interrupted_rotation_of_the_keys_is_gone_on_with(small: Fleet, stage: str) -> None:
    """Killed while the servers are at different stages, the next run ends what was begun, with the key that was made."""
    before = str(keys(small, SERVERS[0])["activekey"])
    process = small.start("k3s", "rotate", "encryption", "--yes")

    def look() -> None:
        assert process.poll() is None, process.communicate()
        said = console(small, SERVERS[0], "k3s secrets-encrypt status --output json 2>/dev/null || echo '{}'")
        found = json.loads(said).get("stage")
        if found != stage and not (stage == "reencrypt_active" and found == "reencrypt_finished" and began):
            began.extend([True] if found == "rotate" else [])
            raise NotYet(f"it is at {found}")

    began: list[bool] = []
    wait_for(f"the stage {stage}", look, seconds=600, interval=0.2)
    process.kill()
    process.communicate()

    told = rotate(small, "encryption")

    assert "was interrupted: it goes on" in " ".join(told.split())
    found = [keys(small, server) for server in SERVERS]
    (active,) = {str(item["activekey"]) for item in found}
    assert before != active
    assert not any(item.get("inactivekeys") for item in found)
    assert_well(small)


def test_a_command_that_reports_an_error_though_it_succeeded(small: Fleet) -> None:
    """What counts is the stage that the servers show, not the exit status of the command (fault case 24)."""
    lying = (
        "mv /usr/local/bin/k3s /usr/local/bin/k3s.real; printf '%s\\n' '#!/bin/sh' "
        '\'[ "$1 $2" = "secrets-encrypt prepare" ] || exec /usr/local/bin/k3s.real "$@"\' '
        "'/usr/local/bin/k3s.real \"$@\"' 'echo timed out >&2' 'exit 1' "
        ">/usr/local/bin/k3s; chmod 0755 /usr/local/bin/k3s"
    )
    small.on(SERVERS[0], lying)
    try:
        told = rotate(small, "encryption")
    finally:
        small.on(SERVERS[0], "mv /usr/local/bin/k3s.real /usr/local/bin/k3s")

    assert "reported an error, and has done it all the same" in " ".join(told.split())
    assert_well(small)


def test_servers_whose_hashes_differ_are_left_alone(small: Fleet) -> None:
    """A configuration that was changed by hand is named, and nothing is restarted or rotated (fault case 24)."""
    config = "/var/lib/rancher/k3s/server/cred/encryption-config.json"
    small.on(SERVERS[1], f"cp -p {config} /root/kept; printf ' ' >>{config}")
    since = small.on(SERVERS[1], "systemctl show k3s --property=InvocationID")
    try:
        refused = small.run("k3s", "rotate", "encryption", "--yes")
    finally:
        small.on(SERVERS[1], f"mv /root/kept {config}")

    told = " ".join((refused.stdout + refused.stderr).split())
    assert (1, True) == (refused.returncode, f"the encryption configuration of {SERVERS[1]} is not the one" in told)
    assert since == small.on(SERVERS[1], "systemctl show k3s --property=InvocationID")
    assert_well(small)


def test_the_agent_token_as_a_kind_of_secret(small: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lent to secrets.yaml, it is rotated once however often it is asked for; the cluster accepts what Vault has then."""
    before, version = stored(small)
    former, wrong = {VALUE: before["agent"]}, {VALUE: Secret("K10wrong")}
    monkeypatch.setenv("KOPROGO_STATE_DIR", small.environment["KOPROGO_STATE_DIR"])
    fleet = load_fleet(small.inventory / "fleet.yaml")
    target = open_target(choose("lab"), ignore, small.lab)

    spec = K3sTokenSpec.model_validate(
        {"name": "agents", "kind": "k3s-token", "token": "agent", "vault": {"path": TOKENS, "key": "agent"}}
    )

    with changing("secrets rotate", fleet, small.inventory, target, ignore, Report()) as run:
        tools = Tools(dict, dict, ignore, {"k3s-token": lambda name: K3sTokenService(name, run)})
        for _ in range(2):
            new = K3sToken().create(spec, Change("r1", former, {}), tools)
        K3sToken().prove(spec, new, tools)
        with pytest.raises(ProofFailed, match="is not accepted by"):
            K3sToken().prove(spec, wrong, tools)

    after, newer = stored(small)
    assert (version + 2, new) == (newer, {VALUE: after["agent"]})
    assert_well(small)


def test_no_token_is_seen(small: Fleet) -> None:
    """No token, old or new, is in what commands printed, in a journal, or in a file that others may read."""
    values = [value.reveal().encode() for value in stored(small)[0].values()]
    files = [path for path in small.root.rglob("*") if path.is_file() and path.stat().st_size < 10**7]

    assert [] == [path for path in files if any(value in path.read_bytes() for value in values)]
