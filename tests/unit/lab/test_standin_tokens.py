"""The stand-in's tokens are K3s' tokens."""

from __future__ import annotations

import hashlib

import pytest

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.lab.standin.node import tokens

CA = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
DIGEST = hashlib.sha256(CA).hexdigest()


def test_a_short_token_is_a_password_for_any_cluster() -> None:
    """The short form names neither user nor CA, so any CA passes."""
    token = tokens.parse(" secret\n")

    assert (token.password.reveal(), token.user, token.ca_hash) == ("secret", None, None)
    token.check_ca(CA)


def test_a_full_token_comes_back_in_its_parts() -> None:
    """What is written as K10… is read again as the same user, password and CA; a password may hold colons."""
    full = tokens.parse("pass:word").full(CA, user="node").reveal()
    token = tokens.parse(full)

    assert full == f"K10{DIGEST}::node:pass:word"
    assert (token.password.reveal(), token.user, token.ca_hash) == ("pass:word", "node", DIGEST)
    token.check_ca(CA)


def test_another_clusters_token_is_refused_in_k3s_words() -> None:
    """The error names both hashes, as K3s' does, and not the password."""
    token = tokens.parse(f"K10{'0' * 64}::server:secret")

    with pytest.raises(KubernetesError) as caught:
        token.check_ca(CA)

    expected = f"token CA hash does not match the Cluster CA certificate hash: {'0' * 64} != {DIGEST}"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid token format"),
        ("two words", "invalid token format"),
        ("K10abc::server:x", "invalid token CA hash length"),
        (f"K10{DIGEST}:server:x", "invalid token format"),
        (f"K10{DIGEST}::server", "invalid token format"),
    ],
)
def test_what_is_no_token_is_refused_without_repeating_it(text: str, message: str) -> None:
    """A malformed token is refused with K3s' text alone, since it may be a secret with a typing error."""
    with pytest.raises(InputError) as caught:
        tokens.parse(text)

    assert str(caught.value) == message
