"""What a run has signed: by a real OpenBao, and believed by a real sshd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from certified_sshd import USER, certified_sshd

from koprogo_fleet.core.errors import InputError, LoginRefused, VaultError, VaultUnavailable
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.ssh_certificate import read_certificate
from koprogo_fleet.hosts.baseline.certificates import HOST_CERTIFICATE, USER_CA, HostCertificate
from koprogo_fleet.hosts.resource import Change, Fact, Unchanged
from koprogo_fleet.inventory.documents import certificate_of, private_key_of
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.openbao.keys import KeyFile
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.ssh.connection import Login, connect
from koprogo_fleet.ssh.host_keys import KnownHosts, make_host_key
from koprogo_fleet.ssh.user_keys import ensure_private_key
from koprogo_fleet.vault.login import GivenToken
from koprogo_fleet.vault.session import VaultSession
from koprogo_fleet.vault.settings import VaultSettings
from koprogo_fleet.vault.ssh import SshAuthority
from koprogo_fleet.workflows.certificates import Signatures, signatures


def fleet_of(**certificates: Any) -> Fleet:
    """Return a fleet of one server, with these words about certificates."""
    pool = {"name": "cp", "role": "server", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.11"}
    return Fleet.model_validate(
        {"name": "koprogo", "ssh": {"certificates": certificates}, "pools": [pool], "k3s": {"version": "v1.33.4+k3s1"}}
    )


FLEET = fleet_of()
NODE = FLEET.nodes[0]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a state directory of its own."""
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state" / "koprogo"


@pytest.fixture
def vault(endpoint: VaultEndpoint) -> VaultSettings:
    """Return how to reach the lab's OpenBao."""
    return VaultSettings.with_token(endpoint.address, endpoint.token, endpoint.ca)


@pytest.fixture
def signing(vault: VaultSettings) -> Iterator[Signatures]:
    """Begin a run."""
    with vault.session(patience=1) as session, signatures(FLEET, lambda: session) as signing:
        assert signing is not None
        yield signing


def file_of_ours() -> Path:
    """Return the file of our certificate."""
    path = certificate_of(FLEET)
    assert path is not None
    return path


def test_our_key_is_signed_at_once(signing: Signatures) -> None:
    """At the start of a run our key has a certificate for half an hour, which nobody else can read."""
    del signing
    terms = read_certificate(file_of_ours().read_text())

    assert {"debian"} == terms.principals
    assert ensure_private_key(private_key_of(FLEET)) == terms.key
    assert 1800 <= terms.ends - terms.begins <= 1835
    assert 0o600 == file_of_ours().stat().st_mode & 0o777


def test_renewed_when_a_third_is_left(signing: Signatures, vault: VaultSettings) -> None:
    """One that lasts is kept; one that was signed for a few seconds is signed anew before it ends."""
    before = file_of_ours().read_text()
    signing.keep_login()
    assert before == file_of_ours().read_text()

    with vault.session() as session:
        users = SshAuthority(session)
        # OpenBao dates it half a minute back: of 40 seconds less than a third is left
        short = users.sign_user_key(
            ensure_private_key(private_key_of(FLEET)), "fleet", ["debian"], timedelta(seconds=10)
        )
    file_of_ours().write_text(short)
    signing.keep_login()

    assert read_certificate(file_of_ours().read_text()).ends > read_certificate(short).ends + 1000
    file_of_ours().unlink()
    signing.keep_login()
    assert file_of_ours().exists()


def test_a_new_run_does_not_trust_an_old_certificate(signing: Signatures, vault: VaultSettings) -> None:
    """Each run has the key signed: what is left of an earlier one may be by an authority that is gone."""
    del signing
    before = file_of_ours().read_text()
    with vault.session() as session, signatures(fleet_of(minutes=60), lambda: session):
        terms = read_certificate(file_of_ours().read_text())

    assert before != file_of_ours().read_text()
    assert 3600 <= terms.ends - terms.begins <= 3635


def test_a_node_from_its_first_boot(signing: Signatures, tmp_path: Path) -> None:
    """What user-data writes lets us in without any key on the node, and is what the baseline wants to find there."""
    host_key = make_host_key()
    known_hosts = KnownHosts(tmp_path / "known_hosts")
    known_hosts.put(NODE.name, host_key.public_line)
    files = {item["path"]: item["content"] for item in signing.first_files(NODE, host_key.public_line)}

    _, certificate, _ = signing.on_node(known_hosts, NODE, dry_run=False)
    assert Unchanged() == certificate.decide(Fact(0, files[HOST_CERTIFICATE].encode()))

    key = tmp_path / "host_key"
    key.touch(0o600)
    key.write_text(host_key.private_pem.reveal())
    (tmp_path / "host_certificate").write_text(files[HOST_CERTIFICATE])
    (tmp_path / "principals").write_text("debian\n")  # the tests may run as anybody
    settings = f"HostCertificate {tmp_path}/host_certificate\nAuthorizedPrincipalsFile {tmp_path}/principals\n"
    with certified_sshd(tmp_path, files[USER_CA].strip(), settings) as sshd:
        login = Login(NODE.name, "127.0.0.1", sshd.port, USER, known_hosts.path, private_key_of(FLEET), file_of_ours())
        session = connect(login)
        assert b"in\n" == session.run("echo in", timeout=10).stdout
        session.close()
        with pytest.raises(LoginRefused):
            connect(replace(login, certificate=None))


def test_a_node_without_one(signing: Signatures, tmp_path: Path) -> None:
    """For a node that has none, one is signed for its name and its vRack address, for as long as the role gives."""
    host_key = make_host_key()
    known_hosts = KnownHosts(tmp_path / "known_hosts")
    known_hosts.put(NODE.name, host_key.public_line)
    _, certificate, _ = signing.on_node(known_hosts, NODE, dry_run=False)
    assert isinstance(certificate, HostCertificate)
    assert certificate.sign is not None

    decision = certificate.decide(Fact(1, b""))
    terms = read_certificate(certificate.sign())

    assert isinstance(decision, Change)
    assert "ssh-ed25519-cert-v01@openssh.com " in decision.script
    assert (frozenset({NODE.name, "10.0.0.11"}), host_key.public_line) == (terms.principals, terms.key)
    assert timedelta(days=364) < timedelta(seconds=terms.ends - terms.begins) < timedelta(days=366)
    (_, planned, _) = signing.on_node(known_hosts, NODE, dry_run=True)
    assert isinstance(planned, HostCertificate)
    assert planned.sign is None


def test_a_node_whose_key_is_not_recorded(signing: Signatures, tmp_path: Path) -> None:
    """A key that nobody recorded is not signed."""
    with pytest.raises(InputError, match=r"is not in .*known_hosts, so it cannot be signed"):
        signing.on_node(KnownHosts(tmp_path / "known_hosts"), NODE, dry_run=False)


def test_without_the_words(state: Path) -> None:
    """A fleet whose fleet.yaml says nothing of certificates asks Vault for nothing, and keeps no old certificate."""
    fleet = Fleet.model_validate({**FLEET.model_dump(), "ssh": {}})
    file_of_ours().write_text("old")

    def unwanted() -> VaultSession:
        raise AssertionError("Vault was asked")

    with signatures(fleet, unwanted) as nothing:
        assert nothing is None
    assert [] == list(state.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"user_mount": "ssh-nowhere"}, "read ssh-nowhere/config/ca"),
        ({"host_mount": "ssh-nowhere"}, "read ssh-nowhere/config/ca"),
        ({"role": "other"}, "sign a user key with ssh-user/sign/other"),
        ({"minutes": 1440}, "sign a user key with ssh-user/sign/fleet"),
    ],
)
@pytest.mark.parametrize("as_root", [False, True])
def test_what_vault_does_not_have(
    lab: LabPaths,
    vault: VaultSettings,
    words: dict[str, Any],
    said: str,
    as_root: bool,  # noqa: FBT001 - a case
) -> None:
    """An engine or role that is not there, or says no, ends the run at once; the error says how to look, and what to do."""
    keys = KeyFile(lab.root / "openbao" / "keys.json").read()
    assert keys is not None
    settings = replace(vault, login=GivenToken(keys.root_token)) if as_root else vault

    with (
        settings.session() as session,
        pytest.raises(VaultError, match=said) as caught,
        signatures(fleet_of(**words), lambda: session),
    ):
        pass

    assert "vault secrets list" in str(caught.value.next_step)
    assert "docs/howto/ssh-certificates.md" in str(caught.value.next_step)


def test_vault_goes_down_in_the_middle(lab: LabPaths, vault: VaultSettings, signing: Signatures) -> None:
    """While Vault is down a certificate that lasts goes on; one that has to be renewed ends the run for now."""
    with vault.session() as session:
        users = SshAuthority(session)
        key = ensure_private_key(private_key_of(FLEET))
        short = users.sign_user_key(key, "fleet", ["debian"], timedelta(seconds=1))
    openbao.stop(lab)

    signing.keep_login()
    file_of_ours().write_text(short)
    with pytest.raises(VaultUnavailable):
        signing.keep_login()
