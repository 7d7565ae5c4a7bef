"""The tables of the reference cover the models and variables, exactly."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pages import ROOT, page
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.helm.releases import Releases
from koprogo_fleet.ovh.credentials import OvhCredentials
from koprogo_fleet.secrets.spec import SealedSection, SecretSpec
from koprogo_fleet.slo.model import Objectives


class SecretsOfAnyKind(BaseModel):
    """What all kinds of secrets have; what each has of its own is on the page about kinds."""

    secrets: tuple[SecretSpec, ...]
    sealed: SealedSection | None


TABLES: dict[str, type[BaseModel]] = {
    "fleet": Fleet,
    "secrets": SecretsOfAnyKind,
    "releases": Releases,
    "slo": Objectives,
}
VARIABLE = re.compile(r"(KOPROGO|OVH|VAULT)_[A-Z0-9_]+|CREDENTIALS_DIRECTORY")
INSIDE_NODES = ROOT / "koprogo_fleet" / "lab" / "standin" / "node"
"""What runs on the lab's nodes: its variables are set by the lab, never by people."""


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every value that a person can write, by its path: ``pools[].volume.size_gb``."""
    for name, info in model.model_fields.items():
        inner, suffix = _models_in(info.annotation)
        if inner:
            told: set[str] = set()
            for one in inner:  # what several kinds have in common is told once
                found = dict(leaves(one, f"{prefix}{info.alias or name}{suffix}."))
                yield from ((path, leaf) for path, leaf in found.items() if path not in told)
                told |= found.keys()
        else:
            yield f"{prefix}{info.alias or name}", info


def _models_in(annotation: Any) -> tuple[list[type[BaseModel]], str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation], ""
    if not isinstance(origin := get_origin(annotation), type) or not issubclass(origin, Mapping):
        parts = [_models_in(part) for part in get_args(annotation)]
        if found := [one for models, _ in parts for one in models]:
            return found, "[]" if origin is tuple else next(suffix for models, suffix in parts if models)
    return [], ""


def shown(info: FieldInfo) -> str | None:
    """Return how a default is shown; None where words say it better."""
    default = info.get_default(call_default_factory=True)
    if info.is_required():
        return "required"
    if default is None or default in ((), {}, "", timedelta(0)):
        return None
    if isinstance(default, timedelta):
        return f"`{default // timedelta(hours=1)}h`"
    values = default if isinstance(default, tuple) else (default,)
    return ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in values)


@pytest.mark.parametrize("name", TABLES)
def test_every_field_is_in_the_table(name: str) -> None:
    """Each field of the file has one row, in the order of the model, and no other row is there."""
    documented = [row[0].strip("`") for row in page(f"docs/reference/{name}.md").rows()]

    assert [path for path, _ in leaves(TABLES[name])] == documented


@pytest.mark.parametrize("name", TABLES)
def test_the_defaults_are_right(name: str) -> None:
    """The table says which default the model has; every field has a meaning."""
    rows = {row[0].strip("`"): row[1:] for row in page(f"docs/reference/{name}.md").rows()}
    expected = {path: shown(info) for path, info in leaves(TABLES[name])}

    assert {path: rows[path][0] for path in rows} == {path: text or rows[path][0] for path, text in expected.items()}
    assert all(meaning for _, meaning in rows.values())


def _strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_environment_variable_is_documented() -> None:
    """The reference lists the variables that the code, the credentials and ``./nox`` read, and no other."""
    sources = [*(ROOT / "koprogo_fleet").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]
    read = {
        text
        for path in sources
        if not path.is_relative_to(INSIDE_NODES) and path.name != "seed.py"
        for text in _strings(path)
        if VARIABLE.fullmatch(text)
    }
    read |= {
        f"OVH_{field.name.upper()}" for field in fields(OvhCredentials) if field.name not in {"project_id", "pace"}
    }
    read |= set(re.findall(r"\$\{([A-Z_]+):-", (ROOT / "nox").read_text()))

    assert sorted(read) == sorted(row[0].strip("`") for row in page("docs/reference/environment.md").rows())
