"""SSH certificates: signed by a real OpenBao, judged by a real sshd and a real ssh."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from certified_sshd import NODE, USER, Sshd, certified_sshd, make_key
from open_vault import open_authority

from koprogo_fleet.core.errors import (
    HostKeyMismatch,
    InputError,
    LoginRefused,
    VaultError,
    VaultRefused,
    VaultUnavailable,
)
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.openbao.api import SSH_HOST_MOUNT, SSH_ROLE, SSH_USER_MOUNT, BaoApi
from koprogo_fleet.lab.openbao.keys import KeyFile
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.ssh.connection import Login, connect
from koprogo_fleet.vault.ssh import SshAuthority

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def users(endpoint: VaultEndpoint) -> Iterator[SshAuthority]:
    """Yield the lab's authority for users, with the fleet's token."""
    with open_authority(endpoint.address, endpoint.token, endpoint.ca, SSH_USER_MOUNT, patience=1) as authority:
        yield authority


@pytest.fixture
def hosts(endpoint: VaultEndpoint) -> Iterator[SshAuthority]:
    """Yield the lab's authority for hosts."""
    with open_authority(endpoint.address, endpoint.token, endpoint.ca, SSH_HOST_MOUNT, patience=1) as authority:
        yield authority


@pytest.fixture
def sshd(users: SshAuthority, hosts: SshAuthority, tmp_path: Path) -> Iterator[Sshd]:
    """Start an sshd with a signed host key that trusts the authority for users, and lets nobody else in."""
    host_key = make_key(tmp_path / "host_key")
    certificate = hosts.sign_host_key(host_key, SSH_ROLE, [NODE, "127.0.0.1"], timedelta(days=30))
    (tmp_path / "host_key-cert.pub").write_text(f"{certificate}\n")
    principals = tmp_path / "principals"
    principals.write_text("debian\n")  # the lab signs for no other name, and the tests may run as anybody
    with certified_sshd(
        tmp_path,
        users.ca_public_key(),
        f"HostCertificate {tmp_path}/host_key-cert.pub\nAuthorizedPrincipalsFile {principals}\n",
    ) as sshd:
        yield sshd


def shown(certificate: str, directory: Path) -> str:
    """Return what ssh-keygen says about a certificate."""
    (directory / "shown").write_text(f"{certificate}\n")
    command = ["ssh-keygen", "-L", "-f", directory / "shown"]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout


def test_both_sides_by_certificate(users: SshAuthority, hosts: SshAuthority, sshd: Sshd, tmp_path: Path) -> None:
    """The node knows no key of ours, and we know none of the node's: two authorities let us meet."""
    certificate = users.sign_user_key(make_key(tmp_path / "key"), SSH_ROLE, ["debian"], HALF_AN_HOUR)

    done = sshd.ssh(tmp_path / "key", certificate, f"@cert-authority {NODE} {hosts.ca_public_key()}")

    assert (0, "in\n") == (done.returncode, done.stdout), done.stderr


def test_our_own_connection(users: SshAuthority, hosts: SshAuthority, sshd: Sshd, tmp_path: Path) -> None:
    """The connection of the tasks logs in by the same two certificates."""
    certificate = users.sign_user_key(make_key(tmp_path / "key"), SSH_ROLE, ["debian"], HALF_AN_HOUR)
    known_hosts = tmp_path / "only_authorities"
    known_hosts.write_text(f"@cert-authority {NODE} {hosts.ca_public_key()}\n")
    login = Login(NODE, "127.0.0.1", sshd.port, USER, known_hosts, tmp_path / "key", certificate)

    session = connect(login)

    assert b"in\n" == session.run("echo in", timeout=10).stdout
    session.close()
    with pytest.raises(LoginRefused):
        connect(replace(login, certificate=None))
    known_hosts.write_text(f"@cert-authority {NODE} {users.ca_public_key()}\n")
    with pytest.raises(HostKeyMismatch):
        connect(login)


def test_other_authority_for_hosts(users: SshAuthority, sshd: Sshd, tmp_path: Path) -> None:
    """A node whose key another authority signed is refused: the one for users does not count."""
    certificate = users.sign_user_key(make_key(tmp_path / "key"), SSH_ROLE, ["debian"], HALF_AN_HOUR)

    done = sshd.ssh(tmp_path / "key", certificate, f"@cert-authority {NODE} {users.ca_public_key()}")

    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_host_certificate_lets_nobody_in(hosts: SshAuthority, sshd: Sshd, tmp_path: Path) -> None:
    """A certificate of the authority for hosts opens no login, not even under the right name."""
    certificate = hosts.sign_host_key(make_key(tmp_path / "key"), SSH_ROLE, ["debian"], HALF_AN_HOUR)

    done = sshd.ssh(tmp_path / "key", certificate, f"@cert-authority {NODE} {hosts.ca_public_key()}")

    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_expired(users: SshAuthority, hosts: SshAuthority, sshd: Sshd, tmp_path: Path) -> None:
    """After its time a certificate opens nothing: nobody has to take it back."""
    certificate = users.sign_user_key(make_key(tmp_path / "key"), SSH_ROLE, ["debian"], timedelta(seconds=1))
    known_hosts = f"@cert-authority {NODE} {hosts.ca_public_key()}"

    def refused() -> str:
        done = sshd.ssh(tmp_path / "key", certificate, known_hosts)
        if done.returncode == 0:
            raise NotYet("it still lets us in")
        return done.stderr

    assert "Permission denied" in wait_for("the certificate's end", refused, seconds=10)
    assert "expired" in (sshd.directory / "log").read_text()


def test_what_is_signed(users: SshAuthority, tmp_path: Path) -> None:
    """The certificate is for the one user, for the time asked for, with a terminal and tunnels and nothing else."""
    text = shown(users.sign_user_key(make_key(tmp_path / "key"), SSH_ROLE, ["debian"], HALF_AN_HOUR), tmp_path)
    (_, _, begin, _, end) = next(line for line in text.splitlines() if "Valid:" in line).split()
    principals = text.partition("Principals:")[2].partition("Critical Options:")[0].split()
    extensions = text.partition("Extensions:")[2].split()

    assert ["debian"] == principals
    assert ["permit-port-forwarding", "permit-pty"] == sorted(extensions)
    minutes = subprocess.run(
        ["sh", "-c", f"echo $(( ($(date -d {end} +%s) - $(date -d {begin} +%s)) ))"],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert 1800 <= int(minutes.stdout) <= 1835


@pytest.mark.parametrize("principals", [[], [""], ["debian,root"], ["debian", " "]])
def test_no_principal(users: SshAuthority, tmp_path: Path, principals: list[str]) -> None:
    """A certificate that would be good for everybody, or for more than was named, is not even asked for."""
    with pytest.raises(InputError, match="needs principals"):
        users.sign_user_key(make_key(tmp_path / "key"), SSH_ROLE, principals, HALF_AN_HOUR)


@pytest.mark.parametrize(
    ("principal", "ttl", "said"),
    [("root", HALF_AN_HOUR, "root is not a valid value"), ("debian", timedelta(days=2), "larger than maximum")],
)
def test_role_says_no(users: SshAuthority, tmp_path: Path, principal: str, ttl: timedelta, said: str) -> None:
    """Another user, or too long a time, is refused with Vault's own reason."""
    with pytest.raises(VaultError, match=said):
        users.sign_user_key(make_key(tmp_path / "key"), SSH_ROLE, [principal], ttl)


def test_other_role(users: SshAuthority, tmp_path: Path) -> None:
    """The fleet's token may use its role, and no other."""
    with pytest.raises(VaultRefused):
        users.sign_user_key(make_key(tmp_path / "key"), "root", ["debian"], HALF_AN_HOUR)


def test_no_engine(lab: LabPaths, endpoint: VaultEndpoint, tmp_path: Path) -> None:
    """For who may see it, a mount that is not there is named as such."""
    keys = KeyFile(lab.root / "openbao" / "keys.json").read()
    assert keys is not None
    with open_authority(endpoint.address, keys.root_token, endpoint.ca, "ssh-nowhere") as nowhere:
        with pytest.raises(VaultError, match="read ssh-nowhere/config/ca"):
            nowhere.ca_public_key()
        with pytest.raises(VaultError, match="ssh-nowhere/sign/fleet"):
            nowhere.sign_user_key(make_key(tmp_path / "key"), SSH_ROLE, ["debian"], HALF_AN_HOUR)


def test_nothing_listens(lab: LabPaths, users: SshAuthority) -> None:
    """Where Vault does not answer, the error says that another try may."""
    openbao.stop(lab)

    with pytest.raises(VaultUnavailable) as caught:
        users.ca_public_key()

    assert caught.value.temporary


def test_two_authorities_that_stay(lab: LabPaths, users: SshAuthority, hosts: SshAuthority) -> None:
    """Users and hosts have authorities of their own, and both have the same key after a restart."""
    before = users.ca_public_key(), hosts.ca_public_key()
    openbao.stop(lab)
    openbao.ensure_running(lab)

    assert before[0] != before[1]
    assert before == (users.ca_public_key(), hosts.ca_public_key())


@pytest.mark.parametrize("lost", ["sys/mounts/ssh-user", "ssh-user/config/ca", "ssh-user/roles/fleet"])
def test_what_a_crash_left_undone(lab: LabPaths, endpoint: VaultEndpoint, tmp_path: Path, lost: str) -> None:
    """A lab that has no SSH engine yet, or half of one, gets the rest, and its token may use it."""
    root = KeyFile(lab.root / "openbao" / "keys.json").read()
    assert root is not None
    api = BaoApi(endpoint.address, endpoint.ca)
    for path in {lost, "ssh-user/roles/fleet"}:
        answer = api._call("DELETE", path, token=root.root_token)  # noqa: SLF001
        assert answer.status < HTTPStatus.BAD_REQUEST or path != lost
    old = {"policy": 'path "secret/data/*" { capabilities = ["read"] }'}
    api._call("PUT", "sys/policies/acl/koprogo-fleet", old, token=Secret(root.root_token.reveal()))  # noqa: SLF001

    healed = openbao.ensure_running(lab)

    with open_authority(healed.address, healed.token, healed.ca) as users:
        assert users.sign_user_key(make_key(tmp_path / "key"), SSH_ROLE, ["debian"], HALF_AN_HOUR)
