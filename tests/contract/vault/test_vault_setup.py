"""A setup on a real OpenBao: what it writes, what its tokens may do, and that a second one finds nothing to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from certified_sshd import make_key
from cryptography import x509
from typer.testing import CliRunner
from vault_administrator import Administrator

from koprogo_fleet.cli.app import app
from koprogo_fleet.core.errors import InputError, VaultError, VaultRefused
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.vault import Vault, VaultSession, VaultSettings
from koprogo_fleet.vault.login import AppRole, SecretIdFile
from koprogo_fleet.vault.pki import PkiAuthority
from koprogo_fleet.vault.setup import AppRoleLogin, JwtLogin, KubernetesLogin, Pki, Purpose, Wishes, apply
from koprogo_fleet.vault.ssh import SshAuthority
from koprogo_fleet.workflows.vault_setup import Setup, vault_status

pytestmark = pytest.mark.usefixtures("settled")

NAME = "acme"
PLACE = {"mount": "acme-kv", "folder": "prod"}
WORDS = {"user_mount": "acme-users", "host_mount": "acme-hosts", "role": "nodes"}
FLEET = Fleet.model_validate(
    {
        "name": NAME,
        "pools": [{"name": "cp", "role": "server", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.11"}],
        "k3s": {"version": "v1.33.4+k3s1"},
        "vault": PLACE,
        "ssh": {"certificates": WORDS},
    }
)
WISHES = Wishes(Pki("acme-pki"), AppRoleLogin("acme-approle"))
SECRET = {"a": Secret("1")}


@pytest.fixture
def settled(administrator: Administrator) -> None:
    """Set Vault up for the fleet, as often as tests ask."""
    Setup(FLEET, WISHES, administrator.session).apply(ignore)


@pytest.fixture
def as_purpose(
    administrator: Administrator, endpoint: VaultEndpoint, tmp_path: Path
) -> Iterator[Callable[[Purpose], VaultSession]]:
    """Yield a function that logs in by the role of a purpose."""
    sessions: list[VaultSession] = []

    def log_in(purpose: Purpose) -> VaultSession:
        role = f"auth/acme-approle/role/{NAME}-{purpose}"
        file = tmp_path / purpose
        file.write_text(administrator.write(f"{role}/secret-id")["data"]["secret_id"])
        login = AppRole(administrator.read(f"{role}/role-id")["role_id"], SecretIdFile(file), "acme-approle")
        sessions.append(VaultSession(endpoint.address, login, endpoint.ca, patience=1))
        return sessions[-1]

    yield log_in
    for session in sessions:
        session.close()


def test_again_there_is_nothing_to_do(administrator: Administrator) -> None:
    """What was written is what is wanted: a second setup has no step."""
    assert Setup(FLEET, WISHES, administrator.session).steps == ()


@pytest.mark.parametrize(
    "login",
    [
        KubernetesLogin("acme", "rotation", "acme-kubernetes", "https://10.0.0.11:6443", "-----BEGIN CERTIFICATE-----"),
        JwtLogin("acme", {"repository": "acme/fleet"}, "acme-jwt"),
    ],
)
def test_other_logins(administrator: Administrator, login: Any) -> None:
    """Roles of the other methods are written, and are then as wanted, too."""
    wishes = Wishes(login=login, purposes=(Purpose.ROTATE,))

    setup = Setup(FLEET, wishes, administrator.session)
    setup.apply(ignore)

    assert any(step.wanted.what == f"role auth/{login.mount}/role/{NAME}-rotate" for step in setup.steps)
    role = administrator.read(f"auth/{login.mount}/role/{NAME}-rotate")
    assert role["token_policies"] == [f"{NAME}-rotate"]


@pytest.mark.parametrize("killed_after", range(6))
def test_a_setup_that_was_killed(administrator: Administrator, killed_after: int) -> None:
    """Whatever part was written before a kill, the next run writes the rest, and keeps the signing keys that were made."""
    fleet = FLEET.model_copy(update={"name": f"killed-{killed_after}"})
    pki = Wishes(Pki(f"killed-{killed_after}", parent="acme-pki"), purposes=(Purpose.ROTATE,))
    apply(administrator.session, Setup(fleet, pki, administrator.session).steps[:killed_after])

    Setup(fleet, pki, administrator.session).apply(ignore)

    assert Setup(fleet, pki, administrator.session).steps == ()


def test_what_somebody_changed(administrator: Administrator) -> None:
    """A policy that gives more than it should is shown as a difference, and put right; nothing else is written."""
    path = f"sys/policies/acl/{NAME}-read"
    administrator.write(path, policy='path "*" { capabilities = ["sudo", "read"] }')

    setup = Setup(FLEET, WISHES, administrator.session)

    assert [f"policy {NAME}-read"] == [step.wanted.what for step in setup.steps]
    assert '-path "*" { capabilities = ["sudo", "read"] }' in setup.steps[0].difference.detail
    setup.apply(ignore)
    assert 'path "*"' not in administrator.read(path)["policy"]


def test_a_mount_that_is_taken(administrator: Administrator) -> None:
    """An engine of another type where one is wanted is refused before anything is written."""
    with pytest.raises(InputError, match="acme-users/ should be the engine pki"):
        Setup(FLEET, Wishes(Pki("acme-users")), administrator.session)


def test_provision_may(as_purpose: Callable[[Purpose], VaultSession], tmp_path: Path) -> None:
    """A token to provision reads and writes the fleet's secrets and has keys signed; it destroys nothing, and looks at no others."""
    session = as_purpose(Purpose.PROVISION)
    vault = Vault(session, "acme-kv")
    vault.write("prod/provision/x", SECRET, expected_version=0)
    vault.write("prod/provision/x", SECRET, expected_version=1)
    assert vault.list("prod/provision") == ("x",)
    key = make_key(tmp_path / "key")
    assert SshAuthority(session, "acme-users").sign_user_key(key, "nodes", ["debian"], timedelta(minutes=30))
    assert SshAuthority(session, "acme-hosts").sign_host_key(key, "nodes", ["acme-cp-1", "10.0.0.11"])

    for refused in (
        lambda: vault.destroy_versions("prod/provision/x", [1]),
        lambda: vault.delete_metadata("prod/provision/x"),
        lambda: vault.put_custom_metadata("prod/provision/x", {}),
        lambda: vault.read("other/x"),
        lambda: vault.list(""),
        lambda: Vault(session, "secret").read("koprogo/x"),
        lambda: PkiAuthority(session, "acme-pki").issue(NAME, "db.prod.svc"),
    ):
        with pytest.raises(VaultRefused):
            refused()


def test_rotate_may(as_purpose: Callable[[Purpose], VaultSession]) -> None:
    """A token to rotate also destroys versions, removes the records of rotations, and issues certificates; nobody's rights."""
    session = as_purpose(Purpose.ROTATE)
    vault = Vault(session, "acme-kv")
    for path in ("prod/rotate/x", "prod/rotations/x"):
        vault.write(path, SECRET, expected_version=0)
        vault.put_custom_metadata(path, {"owner": "ops"})
    vault.destroy_versions("prod/rotate/x", [1])
    vault.delete_metadata("prod/rotations/x")
    assert PkiAuthority(session, "acme-pki").issue(NAME, "db.prod.svc").serial

    for refused in (
        lambda: vault.delete_metadata("prod/rotate/x"),
        lambda: vault.destroy_versions("other/x", [1]),
        lambda: session.ask("policy", lambda client: client.write_data("sys/policies/acl/mine", data={"policy": ""})),
        lambda: session.ask("mounts", lambda client: client.read("sys/mounts")),
    ):
        with pytest.raises(VaultRefused):
            refused()


def test_read_may(as_purpose: Callable[[Purpose], VaultSession], administrator: Administrator, tmp_path: Path) -> None:
    """A token to read reads, and does nothing else: neither does it write, nor get a login to the nodes."""
    Vault(administrator.session, "acme-kv").write("prod/read/x", SECRET, expected_version=0)
    session = as_purpose(Purpose.READ)
    vault = Vault(session, "acme-kv")
    assert vault.read("prod/read/x") is not None
    assert vault.metadata("prod/read/x") is not None
    assert vault.list("prod/read") == ("x",)

    key = make_key(tmp_path / "key")
    for refused in (
        lambda: vault.write("prod/read/x", SECRET, expected_version=1),
        lambda: vault.write("prod/read/new", SECRET, expected_version=0),
        lambda: vault.destroy_versions("prod/read/x", [1]),
        lambda: SshAuthority(session, "acme-users").sign_user_key(key, "nodes", ["debian"], timedelta(minutes=30)),
    ):
        with pytest.raises(VaultRefused):
            refused()


def test_certificates(administrator: Administrator) -> None:
    """A certificate is issued for the names asked for, by the authority that its chain shows, and can be revoked."""
    authority = PkiAuthority(administrator.session, "acme-pki")

    issued = authority.issue(NAME, "db.prod.svc", ["db.prod.svc.cluster.local", "10.43.0.9"], timedelta(hours=1))

    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"db.prod.svc", "db.prod.svc.cluster.local"} == set(names.get_values_for_type(x509.DNSName))
    assert ["10.43.0.9"] == [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(issued.chain[0].encode()))
    assert certificate.not_valid_after_utc == issued.expires
    assert "PRIVATE KEY" in issued.private_key.reveal()
    assert "PRIVATE KEY" not in repr(issued)

    known = authority.read(issued.serial)
    assert known is not None
    assert (known.certificate, known.revoked) == (issued.certificate.strip(), None)
    authority.revoke(issued.serial)
    authority.revoke(issued.serial)
    after = authority.read(issued.serial)
    assert after is not None
    assert after.revoked is not None
    assert authority.read("00-11-22") is None


@pytest.mark.parametrize("name", ["db.example.org", "svc", "*.prod.svc", "a.svc,b.svc", " "])
def test_names_that_are_not_certified(administrator: Administrator, name: str) -> None:
    """The role certifies names below its domains and no others."""
    with pytest.raises((VaultError, InputError)):
        PkiAuthority(administrator.session, "acme-pki").issue(NAME, name)


def test_signed_by_another_engine(administrator: Administrator) -> None:
    """An intermediate authority's certificates lead to the parent's root."""
    Setup(FLEET, Wishes(Pki("acme-inner", parent="acme-pki")), administrator.session).apply(ignore)

    issued = PkiAuthority(administrator.session, "acme-inner").issue(NAME, "db.prod.svc")

    chain = [x509.load_pem_x509_certificate(pem.encode()) for pem in (issued.certificate, *issued.chain)]
    root = PkiAuthority(administrator.session, "acme-pki").read("ca")
    assert root is not None
    for child, parent in zip(
        chain, [*chain[1:], x509.load_pem_x509_certificate(root.certificate.encode())], strict=True
    ):
        if child != parent:
            child.verify_directly_issued_by(parent)
    assert len({one.subject.rfc4514_string() for one in chain}) >= 2


@pytest.fixture
def command(lab: LabPaths, tmp_path: Path) -> Callable[..., Any]:
    """Return the program, with a fleet of its own in an inventory and the lab's OpenBao."""
    (tmp_path / "inventory" / "lab").mkdir(parents=True)
    (tmp_path / "inventory" / "lab" / "fleet.yaml").write_text(FLEET.model_dump_json())

    def run(*arguments: str) -> Any:
        where = ["--target", "lab", "--lab", lab.name]
        if arguments[0] == "setup":
            where += ["--inventory", str(tmp_path / "inventory")]
        return CliRunner().invoke(app, ["vault", *arguments, *where])

    return run


def test_the_command(command: Callable[..., Any], administrator: Administrator) -> None:
    """--plan shows policies as text and writes nothing (3); --yes writes it (0); after that there is no difference (0)."""
    name = f"sys/policies/acl/{NAME}-read"
    administrator.session.ask("forget", lambda client: client.delete(name))

    planned = command("setup", "--plan", "--pki", "acme-pki")
    assert (planned.exit_code, administrator.read(name)) == (3, None), planned.output
    assert '+path "acme-kv/data/prod/*" { capabilities = ["read"] }' in planned.output
    unanswered = command("setup", "--pki", "acme-pki")
    assert isinstance(unanswered.exception, InputError)
    assert administrator.read(name) is None
    done = command("setup", "--yes", "--json", "--pki", "acme-pki")
    assert (done.exit_code, done.output.count("\n")) == (0, 1), done.output
    again = command("setup", "--plan", "--json", "--pki", "acme-pki")
    assert (again.exit_code, again.output) == (0, "")


def test_the_status(command: Callable[..., Any], administrator: Administrator) -> None:
    """It shows health, and what the token is without the token itself."""
    shown = command("status", "--json")

    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.output)
    assert (found["sealed"], found["initialised"], found["token"]["policies"]) == (False, True, ["root"])
    token = administrator.session._logged_in().login.token  # noqa: SLF001 - that it is not shown, is the point
    assert token.reveal() not in shown.output + command("status").output


def test_the_status_of_what_cannot_be_used(
    lab: LabPaths, endpoint: VaultEndpoint, administrator: Administrator
) -> None:
    """A token that is refused, and a Vault that is sealed, are seen as such."""
    wrong = vault_status(VaultSettings.with_token(endpoint.address, Secret("s.wrong"), endpoint.ca))
    assert (wrong.token, isinstance(wrong.refused, VaultRefused), wrong.health.sealed) == (None, True, False)

    administrator.write("sys/seal")
    try:
        sealed = vault_status(VaultSettings.with_token(endpoint.address, endpoint.token, endpoint.ca))
    finally:
        openbao.ensure_running(lab)
    assert (sealed.token, sealed.health.sealed) == (None, True)
