"""A fleet whose nodes let in whom Vault's SSH engine signed for half an hour, and whose own keys it signed too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab_fleet import Fleet, make_fleet
from nornir_netmiko.tasks import netmiko_send_command
from open_vault import open_authority
from ruamel.yaml import YAML

from koprogo_fleet.core.errors import LoginRefused
from koprogo_fleet.hosts.baseline.certificates import DROP_IN, HOST_CERTIFICATE
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.ssh.connection import CONNECTION_NAME, connect
from koprogo_fleet.ssh.login import Login, login_of
from koprogo_fleet.workflows.nornir import open_nornir

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

NODE = "koprogo-cp-1"
AUTHORIZED_KEYS = "/home/debian/.ssh/authorized_keys"


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Provision one server with certificates."""
    fleet = make_fleet("t-certs", tmp_path_factory.mktemp("certs"))
    one_server(fleet, {"certificates": {}})
    (fleet.inventory / "releases.yaml").write_text("releases: []\n")  # the release's pods need a worker
    try:
        assert fleet.summary("provision", "--yes")["failed"] == 0
        yield fleet
    finally:
        fleet.run("lab", "down")


def one_server(fleet: Fleet, ssh: Mapping[str, Any]) -> None:
    """Write a fleet.yaml of one control plane, with these words about SSH."""
    yaml = YAML()
    path = fleet.inventory / "fleet.yaml"
    document = yaml.load(path)
    document["pools"] = [{**document["pools"][0], "count": 1}]
    document["ssh"] = {"user": "debian", **ssh}
    yaml.dump(document, path)


def login(fleet: Fleet) -> Login:
    """Return how the inventory says to log in to the node."""
    host = open_nornir(fleet.inventory).inventory.hosts[NODE]
    extras = host.get_connection_parameters(CONNECTION_NAME).extras
    return login_of(host.hostname, host.username, None, host.port, extras or {})


def by_netmiko(fleet: Fleet, command: str) -> str:
    """Run a command as a user's script does; return what it printed."""
    nornir = open_nornir(fleet.inventory)
    printed: str = nornir.run(task=netmiko_send_command, command_string=command)[NODE].result
    nornir.close_connections()
    return printed.strip()


def test_no_key_is_needed(certified: Fleet, tmp_path: Path) -> None:
    """With no key authorized on the node, tasks and netmiko log in by certificate, and a run changes nothing."""
    before = certified.on(NODE, f"cat {HOST_CERTIFICATE}; truncate -s 0 {AUTHORIZED_KEYS}")
    ours = login(certified)

    assert isinstance(ours.certificate, Path)
    assert 0o600 == ours.certificate.stat().st_mode & 0o777
    with pytest.raises(LoginRefused):
        connect(replace(ours, certificate=None))
    connect(ours).close()
    assert "debian" == by_netmiko(certified, "id -un")
    assert certified.differences() == {}
    assert {"changed": 0, "failed": 0}.items() <= certified.summary("provision", "--yes").items()
    assert before == certified.on(NODE, f"cat {HOST_CERTIFICATE}")

    endpoints = Lab(certified.lab).up()
    with open_authority(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca, "ssh-host") as hosts:
        (tmp_path / "known_hosts").write_text(f"@cert-authority koprogo-* {hosts.ca_public_key()}\n")
    connect(replace(login(certified), known_hosts=tmp_path / "known_hosts")).close()


def test_a_command_that_only_asks_has_its_key_signed_too(certified: Fleet) -> None:
    """Long after the run, when its certificate has run out or is gone, status and kubectl get in all the same."""
    certificate = login(certified).certificate
    assert isinstance(certificate, Path)
    for arguments in (("k3s", "status"), ("kubectl", "--", "get", "nodes")):
        certificate.unlink()
        done = certified.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_certificate_that_is_lost_is_signed_anew(certified: Fleet) -> None:
    """Without its certificate a node is one difference away from its desired state."""
    certified.on(NODE, f"rm {HOST_CERTIFICATE}")

    assert {NODE: ["host certificate"]} == certified.differences()
    assert {"changed": 1, "failed": 0}.items() <= certified.summary("provision", "--yes").items()
    told = subprocess.run(
        ["ssh-keygen", "-L", "-f", "-"],
        input=certified.on(NODE, f"cat {HOST_CERTIFICATE}"),
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    ).stdout
    assert {NODE, "10.0.0.11"} == set(told.partition("Principals:")[2].partition("Critical Options:")[0].split())


@pytest.mark.exhaustive
def test_a_node_that_exists_gets_them_and_loses_them(certified: Fleet) -> None:
    """Certificates are for nodes that were made without them, too: the first run logs in by the key itself."""
    public_key = subprocess.run(
        ["ssh-keygen", "-y", "-f", certified.root / "state" / "koprogo" / "id_ed25519"],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    ).stdout
    certified.on(NODE, f"cat > {AUTHORIZED_KEYS} <<'END'\n{public_key}END\n")
    one_server(certified, {})
    assert certified.summary("provision", "--yes")["failed"] == 0
    assert "gone" == certified.on(NODE, f"[ -e {DROP_IN} ] || echo gone").strip()
    assert login(certified).certificate is None
    assert "debian" == by_netmiko(certified, "id -un")

    one_server(certified, {"certificates": {"minutes": 15}})
    assert certified.summary("provision", "--yes")["failed"] == 0
    certified.on(NODE, f"truncate -s 0 {AUTHORIZED_KEYS}")

    connect(login(certified)).close()
    assert certified.differences() == {}
