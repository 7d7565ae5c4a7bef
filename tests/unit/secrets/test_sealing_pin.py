"""Which certificate is trusted, and what is said about another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from koprogo_fleet.core.errors import FileProblems, KubernetesError
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.keys import SealingKey, in_order, make_key
from koprogo_fleet.secrets.sealing.pin import Verdict, judge, read_pin, write_pin

if TYPE_CHECKING:
    from conftest import KeyPair

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def certificate(pair: KeyPair, begins: datetime = NOW, issuer: str = "CN=sealed-secrets") -> SealingCertificate:
    """Return a certificate with other dates and another issuer."""
    read = SealingCertificate.parse(pair.certificate)
    return SealingCertificate(read.pem, read.key, issuer, begins, read.ends)


def test_verdicts(pair: KeyPair, other_pair: KeyPair) -> None:
    """The first is taken, the same is the same whatever its dates, and a later one may be a renewal."""
    pinned = certificate(pair)

    assert Verdict.FIRST is judge(None, pinned)
    assert Verdict.SAME is judge(pinned, certificate(pair, NOW - HOUR))
    assert Verdict.NEWER is judge(pinned, certificate(other_pair, NOW + HOUR))


@pytest.mark.parametrize(
    ("begins", "issuer", "why"),
    [
        (NOW - HOUR, "CN=sealed-secrets", "it is older"),
        (NOW, "CN=sealed-secrets", "it is older"),
        (NOW + HOUR, "CN=evil", "its issuer is CN=evil, not CN=sealed-secrets"),
    ],
)
def test_unexpected(pair: KeyPair, other_pair: KeyPair, begins: datetime, issuer: str, why: str) -> None:
    """Another key that is older, or of another issuer, is refused, with what a person can do."""
    with pytest.raises(KubernetesError, match=why) as caught:
        judge(certificate(pair), certificate(other_pair, begins, issuer))

    assert "koprogo-fleet secrets keys accept" in (caught.value.next_step or "")


def test_the_file(pair: KeyPair, tmp_path: Path) -> None:
    """What is written is read back; no file is no trust, and a broken one is a mistake."""
    path = tmp_path / "sealing.pem"
    assert read_pin(path) is None

    write_pin(path, SealingCertificate.parse(pair.certificate))

    found = read_pin(path)
    assert found is not None
    assert SealingCertificate.parse(pair.certificate).fingerprint == found.fingerprint
    path.write_text("<<<<<<< HEAD")
    with pytest.raises(FileProblems, match=r"sealing\.pem: is not a certificate to seal with"):
        read_pin(path)


def test_a_key_made_in_the_same_second() -> None:
    """A new key is preferred to the one before it, however fast they follow each other; it is read back from its Secret."""
    first = make_key("kube-system", None)
    second = make_key("kube-system", first)

    assert (second.name, first.name) == tuple(key.name for key in in_order([first, second]))
    read = SealingKey.of(second.manifest())
    assert (second.fingerprint, second.pem) == (read.fingerprint, read.pem)
    assert 4096 == read.private.key_size
    assert second.pem.reveal().splitlines()[1] not in repr(second)
