"""
Rendered manifests against the schemas of the Kubernetes release that they are for.

The schemas are those of the Python package kubernetes-validate, an optional one (``koprogo-fleet[schemas]``): it is as
large as all the others together. They are its strict ones: a field that Kubernetes does not know is a mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from koprogo_fleet.core.errors import InputError, MissingRequirement
from koprogo_fleet.core.wording import did_you_mean

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

EXTRA = "schemas"

_REFERENCE = "/api/_definitions.json#"
_FOLDER = re.compile(r"v(\d+)\.(\d+)\.\d+-local-strict")
_FILE = re.compile(r"[\w.-]+")
_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "fields",
    "string": "text",
}
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
_BRANCHES = frozenset({"anyOf", "oneOf"})

Minor = tuple[int, int]
"""A release without its patch: schemas do not change inside one."""


@dataclass(frozen=True)
class SchemaProblem:
    """A value that Kubernetes would refuse: in which object, at which field, and why."""

    object: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.object}: {f'{self.place}: ' if self.place else ''}{self.message}"


@dataclass(frozen=True)
class SchemaVerdict:
    """
    What the schemas say of a release.

    Attributes:
        release: of Kubernetes, such as ``1.33``, whose schemas were asked.
        problems: what it would refuse; a version of a kind of its own that it has not (any more, or yet) is one.
        unknown: objects of kinds that it has in no version: a CustomResourceDefinition brings them.
    """

    release: str
    problems: tuple[SchemaProblem, ...]
    unknown: tuple[str, ...]


def schema_problems(manifests: Sequence[Mapping[str, Any]], version: str) -> SchemaVerdict:
    """
    Return what Kubernetes *version* (``v1.33.4+k3s1``, ``1.33``) would refuse of *manifests*.

    Where the package has no schemas of a version that new, its newest are asked.

    Raises:
        MissingRequirement: the package is not installed.
        InputError: *version* is none, or older than all schemas of the package.
    """
    folders = _folders()
    minor = _chosen(version, tuple(folders))
    problems: list[SchemaProblem] = []
    unknown: list[str] = []
    for item in manifests:
        name = f"{item.get('kind')}/{(item.get('metadata') or {}).get('name')}"
        kind, api_version = str(item.get("kind")), str(item.get("apiVersion"))
        validator = _validator(folders[minor], kind, api_version)
        if validator is not None:
            problems += _problems(name, validator.iter_errors(item))
        elif served := _served(folders[minor], kind, api_version):
            message = f"Kubernetes {minor[0]}.{minor[1]} has no {api_version} {kind}; it has {' and '.join(served)}"
            problems.append(SchemaProblem(name, "apiVersion", message))
        else:
            unknown.append(f"{name} ({api_version})")
    return SchemaVerdict(f"{minor[0]}.{minor[1]}", tuple(dict.fromkeys(problems)), tuple(unknown))


def _folders() -> dict[Minor, Path]:
    try:
        package = Path(str(resources.files("kubernetes_validate")))
    except ModuleNotFoundError as error:
        raise MissingRequirement(
            "manifests cannot be held against the schemas of Kubernetes: kubernetes-validate is not installed",
            cause=f"it is a large package that only this needs, and comes with the extra {EXTRA!r}",
            next_step=f"pip install 'koprogo-fleet[{EXTRA}]'",
        ) from error
    found = ((_FOLDER.fullmatch(entry.name), entry) for entry in (package / "kubernetes-json-schema").iterdir())
    return {(int(match[1]), int(match[2])): entry for match, entry in found if match}


def _chosen(version: str, known: Sequence[Minor]) -> Minor:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    if match is None:
        raise InputError(
            f"{version!r} is no version of Kubernetes", next_step="write one such as 1.33, or v1.33.4+k3s1"
        )
    wanted = (int(match[1]), int(match[2]))
    older = [minor for minor in known if minor <= wanted]
    if not older:
        oldest = min(known)
        raise InputError(
            f"there are no schemas of Kubernetes {wanted[0]}.{wanted[1]}",
            cause=f"the oldest of the installed kubernetes-validate are those of {oldest[0]}.{oldest[1]}",
            next_step="upgrade the cluster, or install an older kubernetes-validate",
        )
    return max(older)


@cache
def _validator(folder: Path, kind: str, api_version: str) -> Draft202012Validator | None:
    from jsonschema import Draft202012Validator

    group, _, version = api_version.rpartition("/")
    file = folder / f"{_prefix(kind, group)}{version}.json"
    if not _FILE.fullmatch(file.name) or not file.is_file():
        return None
    schema = json.loads(file.read_text(encoding="utf-8").replace(_REFERENCE, "#"))
    if group not in {wanted["group"] for wanted in schema.get("x-kubernetes-group-version-kind", ())}:
        return None
    return Draft202012Validator({**schema, "$defs": _definitions(folder)})


def _served(folder: Path, kind: str, api_version: str) -> tuple[str, ...]:
    """Return the versions in which Kubernetes has the kind of this group."""
    group, _, _ = api_version.rpartition("/")
    found = (re.fullmatch(rf"{re.escape(_prefix(kind, group))}(v\d\w*)\.json", name) for name in _files(folder))
    versions = (f"{group}/{match[1]}" if group else match[1] for match in found if match)
    return tuple(sorted(version for version in versions if _validator(folder, kind, version) is not None))


@cache
def _files(folder: Path) -> tuple[str, ...]:
    return tuple(entry.name for entry in folder.iterdir())


def _prefix(kind: str, group: str) -> str:
    return f"{kind.lower()}-{group.partition('.')[0]}-" if group else f"{kind.lower()}-"


@cache
def _definitions(folder: Path) -> Any:
    return json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))["$defs"]


def _problems(name: str, errors: Iterator[ValidationError]) -> Iterator[SchemaProblem]:
    for error in errors:
        place = ".".join(str(step) for step in error.absolute_path)
        yield SchemaProblem(name, place, _message(error))


def _message(error: ValidationError) -> str:
    """Say what is wrong in few words: the library repeats the whole value, which may be long, or secret."""
    schema: Any = error.schema
    given: Any = error.instance
    wanted: Any = error.validator_value
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        return "; ".join(f'there is no field "{key}"{did_you_mean(key, known)}' for key in given if key not in known)
    if error.validator == "required":
        return f"the field {' and '.join(key for key in wanted if key not in given)} is missing"
    if error.validator == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return f"expected {' or '.join(_WORDS[kind] for kind in kinds if kind != 'null')}, got {_kind(given)}"
    if error.validator in _BRANCHES:
        return f"got {_kind(given)}, which is none of the forms that it may have"
    return f"it does not keep {error.validator}: {json.dumps(wanted)[:80]}"


def _kind(value: object) -> str:
    return _WORDS[_KINDS.get(type(value), "null")]
