"""The stand-in gives containerd what K3s' registries.yaml says, and refuses what it does not know."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.standin.node.registries import containerd_config, load, write_hosts

FULL = {
    "mirrors": {"docker.io": {"endpoint": ["https://mirror.example:5000"]}, "*": {"endpoint": ["https://all.example"]}},
    "configs": {
        "mirror.example:5000": {"auth": {"username": "me", "password": 'x"y'}, "tls": {"ca_file": "/etc/ca.pem"}},
        "own.example": {"auth": {"identity_token": "t"}},
    },
}


def written(directory: Path) -> dict[str, dict[str, object]]:
    """Return every hosts.toml, by its registry."""
    return {file.parent.name: tomllib.loads(file.read_text()) for file in directory.glob("*/hosts.toml")}


def test_mirrors_are_asked_before_the_registry_itself(tmp_path: Path) -> None:
    """Each registry has its file, with the authority of each host; one that is named no more has none."""
    (tmp_path / "registries.yaml").write_text(json.dumps(FULL))
    known = load(tmp_path / "registries.yaml")
    write_hosts(known, tmp_path / "certs.d")
    found = written(tmp_path / "certs.d")

    assert {"docker.io", "_default", "own.example"} == set(found)
    hosts = found["docker.io"]["host"]
    assert isinstance(hosts, dict)
    assert ["mirror.example:5000", "registry-1.docker.io"] == [urlsplit(url).netloc for url in hosts]
    assert "/etc/ca.pem" == hosts["https://mirror.example:5000"]["ca"]

    write_hosts({}, tmp_path / "certs.d")
    assert {} == written(tmp_path / "certs.d")


def test_credentials_are_containerds(tmp_path: Path) -> None:
    """They are by host, whatever they hold."""
    registry = tomllib.loads(containerd_config(FULL, tmp_path))["plugins"]["io.containerd.grpc.v1.cri"]["registry"]

    assert {"username": "me", "password": 'x"y'} == registry["configs"]["mirror.example:5000"]["auth"]
    assert {"identitytoken": "t"} == registry["configs"]["own.example"]["auth"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mirrors: [a]", "mirrors is not a map"),
        ("mirror: {}", "unknown mirror"),
        ("mirrors: {a: {endpoints: []}}", "mirrors.a has unknown endpoints"),
        ("configs: {a: {auth: {user: x}}}", "configs.a.auth has unknown user"),
        ("a: [", "failed to read"),
    ],
)
def test_what_is_unknown_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A misspelt key stops the start, and is named."""
    (tmp_path / "registries.yaml").write_text(text)

    with pytest.raises(InputError, match=message.replace(".", "[.]")):
        load(tmp_path / "registries.yaml")


def test_without_the_file_there_is_nothing(tmp_path: Path) -> None:
    """It is optional."""
    assert {} == load(tmp_path / "registries.yaml")
