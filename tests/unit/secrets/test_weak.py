"""Values that are no secrets."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.errors import WeakSecret
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.model import read_secret
from koprogo_fleet.secrets.weak import KNOWN, refuse_weak

SPEC = read_secret({"name": "api", "kind": "static", "vault": {"path": "koprogo/api", "key": "TOKEN"}})


@pytest.mark.parametrize("value", ["", "1234567", "aaaaaaaaaaaa", "ChangeMe", " koprogo123\n", *KNOWN])
def test_a_weak_value_is_refused(value: str) -> None:
    """Whatever is known, short or monotonous is refused, with the secret's name and a reason."""
    with pytest.raises(WeakSecret, match="the secret api is refused: of its value in Vault"):
        refuse_weak(SPEC, {"value": Secret(value)})


@pytest.mark.parametrize("value", ["Zq7", "zzzzzzzzzz", "Passw0rd"])
def test_a_weak_value_is_not_shown(value: str) -> None:
    """The error says why, never what."""
    with pytest.raises(WeakSecret) as caught:
        refuse_weak(SPEC, {"value": Secret(value)})

    assert value not in f"{caught.value} {caught.value.cause} {caught.value.next_step}"


@pytest.mark.parametrize("value", ["correct horse", "koprogo1234", "f3b1a9c2"])
def test_others_are_not(value: str) -> None:
    """What is not known, and long enough, passes."""
    refuse_weak(SPEC, {"value": Secret(value)})


def test_only_what_a_person_chooses_is_judged() -> None:
    """A field that is a name or an address may be short."""
    refuse_weak(SPEC, {"region": Secret("gra")})
