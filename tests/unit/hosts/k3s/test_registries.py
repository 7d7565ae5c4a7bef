"""registries.yaml: mirrors as they are written, credentials only from Vault, and then secret."""

from __future__ import annotations

import pytest
import yaml

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.k3s_section import Registries
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s.registries import registries

MIRRORS = {"docker.io": {"endpoint": ["https://mirror.example"], "rewrite": {"^(.*)$": "hub/$1"}}}


def test_mirrors_alone_are_no_secret() -> None:
    """A plan can show such a file's differences."""
    text = registries(Registries.model_validate({"mirrors": MIRRORS}), {})

    assert isinstance(text, str)
    assert {"mirrors": MIRRORS} == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("stored", "auth"),
    [
        ({"username": "me", "password": "x: y"}, {"username": "me", "password": "x: y"}),
        ({"auth": "bWU6eA=="}, {"auth": "bWU6eA=="}),
        ({"token": "t", "other": "o"}, {"identity_token": "t"}),
    ],
)
def test_credentials_come_from_vault(stored: dict[str, str], auth: dict[str, str]) -> None:
    """Whatever kind Vault has is written under K3s' name; the file is a secret then."""
    section = Registries.model_validate(
        {"access": {"mirror.example:5000": {"vault": "registries/m", "ca_file": "/etc/ca"}}}
    )
    text = registries(section, {"mirror.example:5000": {key: Secret(value) for key, value in stored.items()}})

    assert isinstance(text, Secret)
    expected = {"configs": {"mirror.example:5000": {"auth": auth, "tls": {"ca_file": "/etc/ca"}}}}
    assert expected == yaml.safe_load(text.reveal())


def test_credentials_that_are_not_there_are_told() -> None:
    """The message names the path and the keys that are there, never a value."""
    section = Registries.model_validate({"access": {"mirror.example": {"vault": "registries/m"}}})
    with pytest.raises(InputError, match="registries/m") as caught:
        registries(section, {"mirror.example": {"user": Secret("hidden"), "password": Secret("hidden")}})

    assert "password, user" in str(caught.value.cause)
    assert "hidden" not in str(caught.value)
