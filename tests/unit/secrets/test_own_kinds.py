"""Values that nobody chose."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds import BY_NAME
from koprogo_fleet.secrets.kinds.kind import Change, Tools
from koprogo_fleet.secrets.kinds.random_password import CHARACTERS, Alphabet, random_password
from koprogo_fleet.secrets.model import read_secret
from koprogo_fleet.secrets.spec import SecretSpec, Values

TOOLS = Tools(dict, dict, ignore)


def spec(kind: str, **fields: object) -> SecretSpec:
    """Return a secret of *kind*."""
    return read_secret({"name": "api", "kind": kind, "vault": {"path": "p"}, **fields})


def make(spec: SecretSpec, former: Values | None = None) -> Values:
    """Return new values."""
    made: Values = BY_NAME[spec.kind].make(spec, former or {})
    return made


@pytest.mark.parametrize("alphabet", Alphabet)
def test_alphabet_and_length(alphabet: Alphabet) -> None:
    """A password has the asked length, and all the characters of its alphabet but no others."""
    password = random_password(4096, alphabet).reveal()

    assert len(password) == 4096
    assert set(password) == set(CHARACTERS[alphabet])


def test_never_twice() -> None:
    """No two passwords are alike."""
    assert len({random_password(16).reveal() for _ in range(1000)}) == 1000


def test_as_specified() -> None:
    """A secret is made as its specification says."""
    (value,) = make(spec("random-password", length=40, alphabet="hexadecimal")).values()

    assert len(value.reveal()) == 40
    assert set(value.reveal()) <= set("0123456789abcdef")


@pytest.mark.parametrize(("encoding", "length"), [("base64url", 43), ("base64", 44), ("hexadecimal", 64)])
def test_a_signing_key_is_as_long_as_its_bytes(encoding: str, length: int) -> None:
    """32 bytes, written as asked."""
    made = make(spec("signing-key", encoding=encoding))

    assert length == len(made["current"].reveal())


def test_the_former_signing_key_verifies_until_the_overlap_is_over() -> None:
    """In a rotation the former key is the previous one; at the end the new one is alone. It is never empty."""
    key, kind = spec("signing-key"), BY_NAME["signing-key"]
    first = make(key)
    new = make(key, first)

    last = kind.last(key, Change("1", first, new))

    assert first["previous"] == first["current"]
    assert new["previous"] == first["current"] != new["current"]
    assert {"current": new["current"], "previous": new["current"]} == last


def test_a_static_secret_is_never_made() -> None:
    """What a person has to write is not made up."""
    with pytest.raises(InputError, match="is made by a person"):
        make(spec("static"), {"value": Secret("x")})


def test_the_kinds_without_a_backend_ask_nobody() -> None:
    """Their values are what the change says, from its beginning to its end."""
    change = Change("1", {}, {"value": Secret("new")})
    for name in ("random-password", "static"):
        kind, one = BY_NAME[name], spec(name)
        assert {} == kind.begin(one, change, TOOLS)
        assert change.new == kind.create(one, change, TOOLS) == kind.last(one, change)
