"""Variables that are files of a service's credentials directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.credentials_directory import variables
from koprogo_fleet.core.errors import MissingCredentials
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh import credentials as ovh
from koprogo_fleet.vault import VaultSettings
from koprogo_fleet.vault import settings as vault
from koprogo_fleet.vault.login import GivenToken

VAULT = {"VAULT_ADDR": "https://vault.example.org:8200", "VAULT_TOKEN": "s.file"}
OVH = {"OVH_ENDPOINT": "ovh-eu", "OVH_CLIENT_ID": "id", "OVH_CLIENT_SECRET": "of the file"}


def directory(tmp_path: Path, files: dict[str, str]) -> dict[str, str]:
    """Write the files as systemd would; return the environment of the service."""
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n")
    return {"CREDENTIALS_DIRECTORY": str(tmp_path)}


def test_vault_is_named_by_files(tmp_path: Path) -> None:
    """Address and token of Vault are taken from files of their names."""
    found = vault.from_environment(directory(tmp_path, VAULT))

    assert VaultSettings(VAULT["VAULT_ADDR"], GivenToken(Secret("s.file"))) == found


def test_ovh_is_named_by_files(tmp_path: Path) -> None:
    """A service account is taken from files, without their line ends, and it is told that it was."""
    found = ovh.from_environment(directory(tmp_path, OVH), ())

    assert found is not None
    assert (Secret("of the file"), "OVH_CLIENT_ID in the credentials directory") == (found[0].client_secret, found[1])


def test_a_file_is_stronger_than_a_variable(tmp_path: Path) -> None:
    """What the unit was given for itself wins over what it inherited; the rest of the environment stays."""
    found = variables({**directory(tmp_path, {"VAULT_TOKEN": "file"}), "VAULT_TOKEN": "inherited", "VAULT_ADDR": "a"})

    assert ("file", "a") == (found["VAULT_TOKEN"], found["VAULT_ADDR"])
    assert "VAULT_ADDR in the environment" == found.place("VAULT_ADDR")
    assert {"CREDENTIALS_DIRECTORY", "VAULT_TOKEN", "VAULT_ADDR"} == set(found)
    assert 3 == len(found)


@pytest.mark.parametrize("name", ["PATH", "../VAULT_TOKEN", "VAULT_token", "KOPROGO_STATE_DIR"])
def test_other_files_are_no_variables(tmp_path: Path, name: str) -> None:
    """Only what is named as a credential of ours is looked for there: no path leads out of the directory."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / name).write_text("x")

    assert name not in variables({"CREDENTIALS_DIRECTORY": str(inner)})


def test_an_unreadable_credential_is_named_and_not_quoted(tmp_path: Path) -> None:
    """A file that is no text stops the command, by its name; what it holds is not told."""
    (tmp_path / "VAULT_TOKEN").write_bytes(b"hidden\xff")
    with pytest.raises(MissingCredentials) as caught:
        variables({"CREDENTIALS_DIRECTORY": str(tmp_path)})["VAULT_TOKEN"]

    assert "VAULT_TOKEN" in caught.value.seen
    assert (None, True) == (caught.value.__cause__, caught.value.__suppress_context__)


def test_without_a_directory_the_environment_is_all() -> None:
    """A directory that is not there takes nothing away."""
    assert {"VAULT_ADDR": "a"} == dict(variables({"VAULT_ADDR": "a"}))
    assert "a" == variables({"VAULT_ADDR": "a", "CREDENTIALS_DIRECTORY": "/nonexistent"})["VAULT_ADDR"]
