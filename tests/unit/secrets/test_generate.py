"""Values that nobody chose."""

from __future__ import annotations

import pytest

from koprogo_fleet.secrets.generate import CHARACTERS, generate, random_password
from koprogo_fleet.secrets.model import Alphabet, SecretSpec


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
    spec = SecretSpec.model_validate(
        {
            "name": "api",
            "length": 40,
            "alphabet": "hexadecimal",
            "vault": {"path": "p", "key": "k"},
            "target": {"namespace": "n", "name": "s", "key": "k"},
        }
    )

    value = generate(spec).reveal()

    assert len(value) == 40
    assert set(value) <= set("0123456789abcdef")
