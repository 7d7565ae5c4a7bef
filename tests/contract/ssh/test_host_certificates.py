"""Host certificates of a real sshd, made by ssh-keygen."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from real_sshd import NODE, Sshd, running_sshd, sshd_program

from koprogo_fleet.core.errors import HostKeyMismatch
from koprogo_fleet.ssh.connection import Login, connect
from koprogo_fleet.ssh.host_certificates import NotVouched, check_certificate
from koprogo_fleet.ssh.host_keys import Known, KnownHosts, key_blob, make_host_key

GOOD = ("-h", "-n", f"other,{NODE}", "-V", "-5m:+1h")


def keygen(*arguments: str | Path) -> None:
    """Run ssh-keygen."""
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True, timeout=30, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an authority; return the path of its private key."""
    path = tmp_path_factory.mktemp("authority") / "ca"
    keygen("-t", "ed25519", "-N", "", "-f", path)
    return path


def public(key: Path) -> str:
    """Return the type and the key of a public key file."""
    return " ".join(key.with_suffix(".pub").read_text(encoding="ascii").split()[:2])


@contextmanager
def certified(authority: Path, directory: Path, *terms: str) -> Iterator[Sshd]:
    """Start an sshd with a certificate of these terms."""

    def certify(own: Path) -> str:
        keygen("-s", authority, "-I", "test", *terms, own / "host_key.pub")
        return f"HostCertificate {own}/host_key-cert.pub"

    with running_sshd(sshd_program(), directory, certify) as sshd:
        yield sshd


@pytest.fixture(scope="module")
def good(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Start an sshd with a good certificate."""
    with certified(authority, tmp_path_factory.mktemp("good"), *GOOD) as sshd:
        yield sshd


def knowing(sshd: Sshd, path: Path, *lines: str) -> Login:
    """Return a login that knows these lines and nothing else."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return replace(sshd.login, known_hosts=path)


@pytest.mark.parametrize("pattern", [NODE, "koprogo-*", "!koprogo-x,*"])
def test_good_certificate(good: Sshd, authority: Path, tmp_path: Path, pattern: str) -> None:
    """A node that was never seen is known by its certificate alone."""
    login = knowing(good, tmp_path / "known", f"@cert-authority {pattern} {public(authority)}")

    session = connect(login)

    assert session.is_alive()
    session.close()


@pytest.mark.parametrize("kind", [("ecdsa",), ("rsa", "-b", "2048")], ids=lambda kind: kind[0])
def test_authorities_of_other_types(tmp_path: Path, kind: tuple[str, ...]) -> None:
    """An authority may have an ECDSA or RSA key."""
    keygen("-t", *kind, "-N", "", "-f", tmp_path / "ca")
    (tmp_path / "sshd").mkdir()

    with certified(tmp_path / "ca", tmp_path / "sshd", *GOOD) as sshd:
        connect(knowing(sshd, tmp_path / "known", f"@cert-authority * {public(tmp_path / 'ca')}")).close()


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (("-h", "-n", "other"), f"is for other, not for {NODE}"),
        (("-h", "-n", "koprogo-*"), r"is for koprogo-\*, not for"),
        (("-h",), "is for no host in particular"),
        (("-h", "-n", NODE, "-V", "-2d:-1d"), "is valid from .* only"),
        (("-h", "-n", NODE, "-V", "+1d:+2d"), "is valid from .* only"),
        (("-n", NODE), "the certificate of a user, not of a host"),
        (("-h", "-n", NODE, "-O", "critical:x@y=z"), "critical options that are not understood: x@y"),
    ],
)
def test_certificate_that_proves_nothing(authority: Path, tmp_path: Path, terms: tuple[str, ...], reason: str) -> None:
    """A certificate by the right authority with the wrong terms is refused, and the error says which check failed."""
    keygen("-t", "ed25519", "-N", "", "-f", tmp_path / "host")
    keygen("-s", authority, "-I", "test", *terms, tmp_path / "host.pub")
    certificate = base64.b64decode((tmp_path / "host-cert.pub").read_text(encoding="ascii").split()[1])
    known = Known(authorities=frozenset({key_blob(public(authority))}))

    with pytest.raises(NotVouched, match=reason):
        check_certificate(certificate, NODE, known, key_blob(public(tmp_path / "host")), now=time.time())


def test_other_authority(good: Sshd, tmp_path: Path) -> None:
    """A certificate by an authority that we do not know is refused before the login."""
    stranger = make_host_key().public_line
    logins = good.logins()

    with pytest.raises(HostKeyMismatch, match=r"is signed by SHA256:\S+, which is no authority for"):
        connect(knowing(good, tmp_path / "known", f"@cert-authority * {stranger}"))

    assert logins == good.logins()


def test_authority_of_other_hosts(good: Sshd, authority: Path, tmp_path: Path) -> None:
    """An authority counts only for the hosts that its line names."""
    line = f"@cert-authority *,!{NODE} {public(authority)}"

    with pytest.raises(HostKeyMismatch, match="none is known"):
        connect(knowing(good, tmp_path / "known", line))


def test_plain_key_where_a_certificate_is_due(sshd: Sshd, authority: Path, tmp_path: Path) -> None:
    """A server without certificate is refused where only an authority is known."""
    with pytest.raises(HostKeyMismatch, match=r"shows no certificate, and koprogo-server-1 is known only by those of"):
        connect(knowing(sshd, tmp_path / "known", f"@cert-authority * {public(authority)}"))


def test_known_key_counts_beside_an_authority(sshd: Sshd, authority: Path, tmp_path: Path) -> None:
    """A pinned key is enough, with a certificate or without."""
    lines = f"@cert-authority * {public(authority)}", f"{NODE} {sshd.host_key.public_line}"

    connect(knowing(sshd, tmp_path / "known", *lines)).close()


def test_known_key_whose_certificate_is_of_a_stranger(good: Sshd, tmp_path: Path) -> None:
    """A pinned key stays known whoever certified it."""
    stranger = f"@cert-authority * {make_host_key().public_line}"

    connect(knowing(good, tmp_path / "known", stranger, f"{NODE} {good.host_key.public_line}")).close()


@pytest.mark.parametrize("whose", ["authority's", "host's"])
def test_revoked(good: Sshd, authority: Path, tmp_path: Path, whose: str) -> None:
    """A revoked key is believed neither as the authority's nor as the host's own."""
    revoked = public(authority) if whose == "authority's" else good.host_key.public_line
    lines = f"@cert-authority * {public(authority)}", f"@revoked * {revoked}"

    with pytest.raises(HostKeyMismatch, match="revoked"):
        connect(knowing(good, tmp_path / "known", *lines))


def test_revoked_key_that_is_also_known(sshd: Sshd, tmp_path: Path) -> None:
    """Revocation beats a pinned key."""
    key = sshd.host_key.public_line

    with pytest.raises(HostKeyMismatch, match="which is revoked in"):
        connect(knowing(sshd, tmp_path / "known", f"{NODE} {key}", f"@revoked {NODE} {key}"))


def test_forged_certificate(authority: Path, tmp_path: Path) -> None:
    """A certificate that was changed after it was signed is refused."""
    keygen("-t", "ed25519", "-N", "", "-f", tmp_path / "host")
    keygen("-s", authority, "-I", "test", "-h", "-n", "koprogo-server-2", tmp_path / "host.pub")
    signed = base64.b64decode((tmp_path / "host-cert.pub").read_text(encoding="ascii").split()[1])
    known = Known(authorities=frozenset({key_blob(public(authority))}))

    with pytest.raises(NotVouched, match="signature in its certificate is wrong"):
        check_certificate(
            signed.replace(b"koprogo-server-2", NODE.encode()),
            NODE,
            known,
            key_blob(public(tmp_path / "host")),
            now=2e9,
        )


def test_key_exchange_by_another_key(authority: Path, tmp_path: Path) -> None:
    """A good certificate proves nothing about somebody else who shows it."""
    keygen("-t", "ed25519", "-N", "", "-f", tmp_path / "host")
    keygen("-s", authority, "-I", "test", *GOOD, tmp_path / "host.pub")
    certificate = base64.b64decode((tmp_path / "host-cert.pub").read_text(encoding="ascii").split()[1])
    known = Known(authorities=frozenset({key_blob(public(authority))}))

    with pytest.raises(NotVouched, match="not the one in its certificate"):
        check_certificate(certificate, NODE, known, key_blob(make_host_key().public_line), now=0)


def test_sha1(tmp_path: Path) -> None:
    """An RSA authority that signs with SHA-1 is refused: such signatures can be forged."""
    keygen("-t", "ed25519", "-N", "", "-f", tmp_path / "host")
    keygen("-t", "rsa", "-b", "2048", "-N", "", "-f", tmp_path / "ca")
    known = Known(authorities=frozenset({key_blob(public(tmp_path / "ca"))}))
    signer = key_blob(public(tmp_path / "host"))

    def check() -> None:
        certificate = base64.b64decode((tmp_path / "host-cert.pub").read_text(encoding="ascii").split()[1])
        check_certificate(certificate, NODE, known, signer, now=time.time())

    keygen("-s", tmp_path / "ca", "-t", "rsa-sha2-256", "-I", "test", *GOOD, tmp_path / "host.pub")
    check()
    keygen("-s", tmp_path / "ca", "-t", "ssh-rsa", "-I", "test", *GOOD, tmp_path / "host.pub")
    with pytest.raises(NotVouched, match="SHA-1"):
        check()


def test_authority_lines_survive_our_writing(authority: Path, tmp_path: Path) -> None:
    """Enrolling and forgetting hosts leaves what people wrote about authorities and revoked keys."""
    lines = f"@cert-authority * {public(authority)}", f"@revoked {NODE} {make_host_key().public_line}"
    known = KnownHosts(tmp_path / "known")
    known.path.write_text("\n".join(lines), encoding="ascii")

    known.put(NODE, make_host_key().public_line)
    known.remove(NODE)

    assert list(lines) == sorted(known.path.read_text(encoding="ascii").splitlines())
    assert known.known(NODE).key is None
