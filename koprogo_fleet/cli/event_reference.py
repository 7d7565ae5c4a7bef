"""
The reference of what ``--json`` prints, made from its models: ``python -m koprogo_fleet.cli.event_reference docs/reference``.

It writes ``events.md``, for people, and ``events.schema.json``, the JSON Schema of one line.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from koprogo_fleet.cli import json_lines

LINES: tuple[type[json_lines.Line], ...] = (
    json_lines.Target,
    json_lines.PhaseStarted,
    json_lines.HostStarted,
    json_lines.Waiting,
    json_lines.Host,
    json_lines.PhaseEnded,
    json_lines.Note,
    json_lines.Journaled,
    json_lines.Cost,
    json_lines.Differences,
    json_lines.Error,
    json_lines.Summary,
)
PARTS: tuple[type[BaseModel], ...] = (json_lines.Difference, json_lines.HostSummary, json_lines.CostChange)

HEADER = """\
<!-- Made by python -m koprogo_fleet.cli.event_reference docs/reference: do not edit, edit the models. -->

# What `--json` prints

With `--json`, `koprogo-fleet provision` and `koprogo-fleet plan` print one JSON object a line on standard output, and nothing else. In each, `event` says
what the line is, and `time` when it was written (UTC); [events.schema.json](events.schema.json) is the JSON Schema of a line. The last line is `summary`,
also after an error in the run. Where the run cannot start at all (a wrong option, no credentials), standard output stays empty, standard error says why,
and the [exit code](exit-codes.md) is 2. Secrets are in no line.

Fields and events may be added in any version; they are removed or renamed in a major one only.

`--log-file` appends the same events to a file, for people: each line begins with the time in UTC.
"""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a line."""
    line: Any = Annotated[reduce(or_, LINES), Field(discriminator="event")]
    made = TypeAdapter(line).json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of koprogo-fleet --json",
        **made,
    }


def page() -> str:
    """Return ``events.md``."""
    sections = [_section(f"`{line.model_fields['event'].default}`", line) for line in LINES]
    sections += [_section(f"A {_words(part)}", part) for part in PARTS]
    return "\n".join([HEADER, *sections])


def _section(title: str, model: type[BaseModel]) -> str:
    rows = ["| Field | Type | Meaning |", "|---|---|---|", *_rows(model)]
    return "\n".join([f"## {title}", "", inspect.getdoc(model) or "", "", *rows, ""])


def _rows(model: type[BaseModel]) -> Iterator[str]:
    properties = model.model_json_schema(mode="serialization", ref_template="{model}")["properties"]
    for name, field in model.model_fields.items():
        if name not in json_lines.Line.model_fields:
            yield f"| `{name}` | {_type(properties[name])} | {field.description} |"


def _type(found: Mapping[str, Any]) -> str:
    match found:
        case {"$ref": name}:
            part = next(part for part in PARTS if part.__name__ == name)
            words = f"[{_words(part)}](#a-{_words(part).replace(' ', '-')})"
        case {"enum": values}:
            words = ", ".join(f"`{value}`" for value in values)
        case {"anyOf": kinds}:
            words = " or ".join(map(_type, kinds))
        case {"items": inner}:
            words = f"array of {_type(inner)}"
        case {"prefixItems": inner}:
            words = f"({', '.join(map(_type, inner))})"
        case {"additionalProperties": inner}:
            words = f"object of {_type(inner)}"
        case _:
            words = str(found["type"])
    return words


def _words(part: type[BaseModel]) -> str:
    return {
        json_lines.Difference: "difference",
        json_lines.HostSummary: "host in the summary",
        json_lines.CostChange: "changed cost",
    }[part]


def write(directory: Path) -> None:
    """Write both files into *directory*."""
    (directory / "events.md").write_text(page(), encoding="utf-8")
    (directory / "events.schema.json").write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
