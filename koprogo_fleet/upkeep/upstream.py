"""Which parts that a fleet names are retired, moved or limited: by a dated table, without asking anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from koprogo_fleet.core.loader import load_model, load_yaml
from koprogo_fleet.core.model import Model, Place
from koprogo_fleet.core.sections import Text

TABLE = "upstream.yaml"


class State(StrEnum):
    """What has become of a part."""

    RETIRED = "retired"
    MOVED = "moved"
    LIMITED = "limited"


class Part(Model):
    """One part: how it may be named, its state, since when, where that can be read, and what to use *instead*."""

    name: Text
    names: tuple[Text, ...]
    state: State
    since: Annotated[Text, BeforeValidator(str)]
    evidence: Text
    why: Text
    instead: Text


class Table(Model):
    """All parts, as they were known on a day."""

    as_of: date
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Named:
    """A part that a file names: where, and by which words."""

    part: Part
    file: Path
    line: int
    text: str


@cache
def table() -> Table:
    """Return the table that comes with the package."""
    return load_model(Path(str(resources.files("koprogo_fleet.upkeep") / TABLE)), Table)


def named_parts(files: Sequence[Path]) -> tuple[Named, ...]:
    """
    Return the parts of the table that these YAML files name; one that is switched off by ``enabled: false`` is not.

    Each is told once a file, at the first place.

    Raises:
        InputError: a file is missing.
        FileProblems: one is not clear YAML.
    """
    found: dict[tuple[str, Path], Named] = {}
    for file in files:
        document = load_yaml(file)
        for place, text in _texts(document.data, ()):
            for part in table().parts:
                if _names(part, text):
                    found.setdefault((part.name, file), Named(part, file, document.line(place), text))
    return tuple(found.values())


def _names(part: Part, text: str) -> bool:
    """Say whether *text* has one of the part's names, as a whole word or path."""
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) for name in part.names)


def _texts(value: object, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield all texts of a document, and the names of fields, which charts have for their parts."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if _is_off(inner):
                continue
            yield (*place, key), key
            yield from _texts(inner, (*place, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            if not _is_off(inner):
                yield from _texts(inner, (*place, index))
    elif isinstance(value, str):
        yield place, value


def _is_off(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("enabled") is False
