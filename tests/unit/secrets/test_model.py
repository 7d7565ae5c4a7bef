"""What a person may write in secrets.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import FileProblems
from koprogo_fleet.core.loader import load_model
from koprogo_fleet.secrets.model import SecretsFile
from koprogo_fleet.secrets.seal import Scope

LAB = Path(__file__).parents[3] / "inventory" / "lab" / "secrets.yaml"

ONE = """
secrets:
  - name: one
    vault: {path: koprogo/one, key: PASSWORD}
    target: {namespace: koprogo, name: api, key: PASSWORD}
"""


def problems(tmp_path: Path, text: str) -> str:
    """Return what the loader says of *text*."""
    file = tmp_path / "secrets.yaml"
    file.write_text(text)
    with pytest.raises(FileProblems) as caught:
        load_model(file, SecretsFile)
    return str(caught.value)


def test_the_labs_own() -> None:
    """The lab's file makes what the chart mounts: DATABASE_PASSWORD in koprogo/koprogo-api."""
    (spec,) = load_model(LAB, SecretsFile).secrets

    assert spec.target.secret == ("koprogo", "koprogo-api")
    assert spec.target.key == "DATABASE_PASSWORD"
    assert spec.scope is Scope.STRICT


def test_unknown_field(tmp_path: Path) -> None:
    """A misspelt field is named, with its line and what was meant."""
    assert "secrets.yaml:4: " in problems(tmp_path, ONE.replace("    vault:", "    lenght: 3\n    vault:"))


def test_no_values(tmp_path: Path) -> None:
    """There is no place to write a value."""
    assert "value" in problems(tmp_path, f"{ONE}    value: hunter2\n")


@pytest.mark.parametrize("length", ["15", "4097", '"32"', "true"])
def test_length(tmp_path: Path, length: str) -> None:
    """A length that makes a weak password, or is none, is refused."""
    assert "length" in problems(tmp_path, f"{ONE}    length: {length}\n")


@pytest.mark.parametrize("path", ["/koprogo", "koprogo/", "a//b", "../x y", "a?b", ""])
def test_vault_path(tmp_path: Path, path: str) -> None:
    """A path that Vault would read differently is refused."""
    assert "path" in problems(tmp_path, ONE.replace("koprogo/one", f'"{path}"'))


def test_same_name(tmp_path: Path) -> None:
    """Two secrets of one name are a mistake."""
    second = ONE.replace("secrets:\n", "").replace("key: PASSWORD}\n    target", "key: B}\n    target")
    second = second.replace("name: api", "name: other")

    assert 'two secrets have the name "one"' in problems(tmp_path, ONE + second.lstrip("\n"))


def test_same_target(tmp_path: Path) -> None:
    """Two secrets that want the same key of the same Secret are a mistake."""
    second = ONE.replace("secrets:\n", "").replace("- name: one", "- name: two")

    assert '"two" and "one" both want the key PASSWORD' in problems(tmp_path, ONE + second.lstrip("\n"))


def test_mixed_scopes(tmp_path: Path) -> None:
    """A Secret has one scope: two of its keys cannot differ in it."""
    second = (
        ONE.replace("secrets:\n", "")
        .replace("- name: one", "- name: two")
        .replace("key: PASSWORD}\n    t", "key: B}\n    t")
    )
    second = second.replace("name: api, key: PASSWORD", "name: api, key: B") + "    scope: cluster-wide\n"

    assert "a Secret has one scope" in problems(tmp_path, ONE + second.lstrip("\n"))
