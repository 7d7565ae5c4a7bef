"""What a person may write in secrets.yaml."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import FileProblems
from koprogo_fleet.core.loader import load_model
from koprogo_fleet.secrets.kinds import KINDS
from koprogo_fleet.secrets.model import SecretsFile
from koprogo_fleet.secrets.seal import Scope

LAB = Path(__file__).parents[3] / "inventory" / "lab" / "secrets.yaml"

ONE = """\
  - name: one
    kind: random-password
    vault: {path: koprogo/one, key: PASSWORD}
    targets: [{namespace: koprogo, name: api, key: PASSWORD}]
"""
KEY = """\
  - name: key
    kind: signing-key
    vault: {path: koprogo/key}
    targets: [{namespace: koprogo, name: jwt}]
"""


def problems(tmp_path: Path, *secrets: str) -> str:
    """Return what the loader says of a file with *secrets*."""
    file = tmp_path / "secrets.yaml"
    file.write_text("secrets:\n" + "".join(secrets))
    with pytest.raises(FileProblems) as caught:
        load_model(file, SecretsFile)
    return str(caught.value)


def test_the_labs_own() -> None:
    """The lab's file makes what the chart mounts: DATABASE_PASSWORD in koprogo/koprogo-api."""
    (spec,) = load_model(LAB, SecretsFile).secrets

    (target,) = spec.targets
    assert target.secret == ("koprogo", "koprogo-api")
    assert target.key == "DATABASE_PASSWORD"
    assert target.scope is Scope.STRICT
    assert spec.rotation.max_age == timedelta(days=90)


def test_every_kind_can_be_written(tmp_path: Path) -> None:
    """Each kind is read as its own specification; a kind is named as its file's class says."""
    for text, kind in ((ONE, "random-password"), (KEY, "signing-key")):
        file = tmp_path / "secrets.yaml"
        file.write_text(f"secrets:\n{text}")
        (spec,) = load_model(file, SecretsFile).secrets
        assert [type(spec)] == [known.spec for known in KINDS if known.name == kind]


def test_unknown_field(tmp_path: Path) -> None:
    """A misspelt field is named, with its line and what was meant, among the fields of its kind alone."""
    found = problems(tmp_path, ONE + "    lenght: 40\n", KEY + "    alphabet: hexadecimal\n")

    assert 'secrets.yaml:6: unknown field "lenght" in secrets[one]; did you mean "length"?' in found
    assert 'secrets.yaml:11: unknown field "alphabet" in secrets[key]; known are name, kind' in found


def test_unknown_kind(tmp_path: Path) -> None:
    """The known kinds are listed; a misspelling is recognised; a missing kind and what is no secret are told as well."""
    wrong = ONE.replace("random-password", "signin-key"), ONE.replace("    kind: random-password\n", "")

    found = problems(tmp_path, *wrong, "  - text\n")

    assert "secrets.yaml:3: secrets[one].kind: expected random-password, signing-key" in found
    assert 'did you mean "signing-key"?' in found
    assert "secrets.yaml:6: secrets[one].kind: expected random-password" in found
    assert "secrets.yaml:9: secrets[2]: expected fields" in found


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


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param((ONE, ONE.replace("PASSWORD", "B")), '6: two secrets have the name "one"', id="two of one name"),
        pytest.param(
            (ONE, ONE.replace("name: one", "name: two").replace("koprogo/one", "koprogo/two")),
            '9: "two" and "one" both want the key PASSWORD of the Secret koprogo/api',
            id="one key of one Secret",
        ),
        pytest.param(
            (ONE, ONE.replace("name: one", "name: two").replace("name: api", "name: web")),
            '8: "two" and "one" are both kept at koprogo/one, PASSWORD: one would overwrite the other',
            id="one place in Vault",
        ),
        pytest.param(
            (
                ONE,
                ONE.replace("name: one", "name: two")
                .replace("PASSWORD", "B")
                .replace("key: B}]", "key: B, scope: cluster-wide}]"),
            ),
            '9: "two" is cluster-wide, but "one", in the same Secret, is strict: a Secret has one scope',
            id="two scopes in one Secret",
        ),
        pytest.param(
            (KEY.replace("koprogo/key", "koprogo/key, key: K"),),
            '"key": a signing-key has the fields current, previous: write keys (field: key), not key',
            id="one key for two fields",
        ),
        pytest.param(
            (KEY.replace("koprogo/key", "koprogo/key, keys: {curent: K}"),),
            'a signing-key has no field "curent"; did you mean "current"?',
            id="an unknown field",
        ),
        pytest.param(
            (KEY.replace("name: jwt", "name: jwt, keys: {current: K, previous: K}"),),
            "two fields want the key K",
            id="two fields in one key",
        ),
        pytest.param(
            (ONE + '    rotation: {window: "sat 02:00-05:00"}\n',),
            '"one" has a window, but no max_age: it would never be due',
            id="never due",
        ),
        pytest.param(
            (ONE + "    rotation: {overlap: 1h}\n",),
            "the former value of a random-password cannot stay valid beside the new one",
            id="no overlap",
        ),
        pytest.param(
            (ONE + "    consumers: [{namespace: a, name: b}, {namespace: a, name: c}, {namespace: a, name: b}]\n",),
            '"one" names the consumer Deployment a/b twice',
            id="a consumer twice",
        ),
    ],
)
def test_contradictions(tmp_path: Path, texts: tuple[str, ...], expected: str) -> None:
    """What does not fit together is told where it is written."""
    assert expected in problems(tmp_path, *texts)


def test_all_at_once(tmp_path: Path) -> None:
    """Wrong values and contradictions elsewhere are told together."""
    wrong = ONE.replace("koprogo/one", '"/one"').replace("name: one", "name: two").replace("name: api", "name: web")

    found = problems(tmp_path, ONE + "    rotation: {overlap: 1h}\n", wrong)

    assert "cannot stay valid beside the new one" in found
    assert "secrets[two].vault.path: expected a path below the mount" in found


def test_what_fits_together_is_accepted(tmp_path: Path) -> None:
    """An overlap where the kind has one, two Secrets with one value each, fields under keys of their own."""
    file = tmp_path / "secrets.yaml"
    second = KEY.replace("name: jwt", "name: api, keys: {current: JWT, previous: JWT_PREVIOUS}")
    file.write_text(f"secrets:\n{ONE}{second}    rotation: {{max_age: 30d, overlap: 12h}}\n")

    _, key = load_model(file, SecretsFile).secrets

    assert {"current": "JWT", "previous": "JWT_PREVIOUS"} == key.target_keys(key.targets[0])
    assert timedelta(hours=12) == key.rotation.overlap


def test_files_in_git(tmp_path: Path) -> None:
    """The section about files is read; without it there are none, and an absolute path or a misspelling is told with its line."""
    file = tmp_path / "secrets.yaml"
    file.write_text("sealed: {directory: ../sealed}\nsecrets: []\n")
    section = load_model(file, SecretsFile).sealed
    assert section is not None
    assert ("../sealed", True) == (section.directory, section.commit)
    file.write_text("secrets: []\n")
    assert load_model(file, SecretsFile).sealed is None

    file.write_text("secrets: []\nsealed:\n  directory: /srv/sealed\n  comit: false\n")
    with pytest.raises(FileProblems) as caught:
        load_model(file, SecretsFile)

    assert f"{file}:3: " in str(caught.value)
    assert "expected a path relative to secrets.yaml such as sealed" in str(caught.value)
    assert f'{file}:4: unknown field "comit"' in str(caught.value)
