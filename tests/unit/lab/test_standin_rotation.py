"""The stand-in's keys, certificates and shared data: K3s' files, forms and strictness, without a cluster."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.standin.node import admin_flags, bootstrap_data, certificates, encryption
from koprogo_fleet.lab.standin.node.admin_commands import status_text
from koprogo_fleet.lab.standin.node.certificates import Authority, Subject
from koprogo_fleet.lab.standin.node.encryption import Config
from koprogo_fleet.lab.standin.node.keys import Kind
from koprogo_fleet.lab.standin.node.layout import Layout


def test_keys_are_rotated_as_k3s_does(tmp_path: Path) -> None:
    """A new key comes last, the last one becomes the one that writes, and the stage goes with the configuration's hash."""
    layout = Layout(tmp_path)
    encryption.ensure(layout)
    first = encryption.read(layout)
    assert first is not None
    prepared = Config((*first.keys, encryption.new_key("new")))
    encryption.write(layout, prepared)
    encryption.record(layout, encryption.PREPARE)

    assert encryption.read(layout) == prepared
    assert [key["name"] for key in encryption.rotated(prepared.keys)] == ["new", "aescbckey"]
    assert encryption.recorded(layout.encryption_state) == f"prepare-{encryption.config_hash(layout)}"
    assert layout.encryption_config.stat().st_mode & 0o777 == 0o600


def test_switched_off_is_identity_first(tmp_path: Path) -> None:
    """Without encryption the identity provider writes, and the keys still read."""
    layout = Layout(tmp_path)
    off = Config((encryption.new_key("k"),), enabled=False)
    encryption.write(layout, off)

    assert encryption.read(layout) == off
    assert layout.encryption_config.read_text().index("identity") < layout.encryption_config.read_text().index("aescbc")


def test_shared_data_are_for_the_token_alone() -> None:
    """What is stored is readable with the token's password, and named by it."""
    stored = bootstrap_data.encrypt(Secret("secret"), b"files")

    assert bootstrap_data.decrypt(Secret("secret"), stored) == b"files"
    assert bootstrap_data.storage_key(Secret("secret")) == "/bootstrap/2bb80d537b1d"


@pytest.mark.parametrize(
    ("days", "names", "kept"), [(365, ("a",), "kept"), (119, ("a",), "renewed"), (365, ("a", "b"), "renewed")]
)
def test_a_leaf_is_renewed_when_it_has_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, names: tuple[str, ...], kept: str
) -> None:
    """A start keeps a certificate that lasts 120 days more and has today's names, and renews any other."""
    authority = Authority.ensure(tmp_path / "ca.crt", "ca")
    file = tmp_path / "leaf.crt"
    with monkeypatch.context() as earlier:
        earlier.setattr(certificates, "LEAF_DAYS", days)
        authority.keep(file, Subject("x", names=("a",)))
    before = file.read_bytes()
    authority.keep(file, Subject("x", names=names))

    assert kept == ("kept" if before == file.read_bytes() else "renewed")
    left = certificates.end_of(x509.load_pem_x509_certificate(file.read_bytes())) - dt.datetime.now(dt.UTC)
    assert left > dt.timedelta(days=360)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unheard-of"], "flag provided but not defined: -unheard-of"),
        (["--output"], "flag needs an argument: -output"),
        (["word"], "unexpected argument: word"),
    ],
)
def test_flags_are_as_strict_as_k3s(arguments: list[str], message: str) -> None:
    """What K3s does not know, the stand-in refuses."""
    with pytest.raises(InputError, match=message):
        admin_flags.parse(arguments, {"output": Kind.TEXT}, {"o": "output"})
    assert admin_flags.parse(["-o", "json"], {"output": Kind.TEXT}, {"o": "output"}).text("output") == "json"


def test_the_status_is_shown_as_k3s_shows_it() -> None:
    """The text has K3s' four parts."""
    state = {
        "enable": True,
        "stage": "prepare",
        "hashmatch": True,
        "activekey": "AES-CBC aescbckey",
        "inactivekeys": ["AES-CBC aescbckey-2"],
    }

    assert status_text(state) == (
        "Encryption Status: Enabled\nCurrent Rotation Stage: prepare\nServer Encryption Hashes: All hashes match\n\n"
        "Active  Key Type  Name\n------  --------  ----\n *      AES-CBC   aescbckey\n        AES-CBC   aescbckey-2\n\n"
    )
