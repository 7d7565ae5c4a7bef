"""
One YAML file: its values, the line each of them is on, and what is wrong with the way it is written.

The readers of YAML 1.1 and 1.2 disagree about ``on``, ``0644`` and other plain words. What they would read differently
is refused here, with what to write instead; so are aliases and tags, so that every value stands on its own line.
Parsing is PyYAML's (in C: ten times faster than ruamel.yaml on a long inventory), the meaning of a word is ours.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from koprogo_fleet.core.errors import FileProblems, InputError, Problem
from koprogo_fleet.core.model import Place

MAX_DEPTH = 60

_Parser = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_NULL = re.compile(r"(~|null|Null|NULL)?")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_UNCLEAR_BOOLEAN = re.compile(r"yes|no|on|off", re.IGNORECASE)
_UNCLEAR_NUMBER = re.compile(r"[-+]?0[0-9_]+|0o[0-7]+")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,64}")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]{1,99}|[0-9]{1,99}(\.[0-9]{0,99})?)([eE][-+]?[0-9]{1,9})?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


@dataclass(frozen=True)
class Document:
    """What a YAML file says; *problems* are the mistakes in its writing, *doubtful* the places they touch."""

    path: Path
    data: object
    problems: tuple[Problem, ...] = ()
    doubtful: frozenset[Place] = frozenset()
    lines: Mapping[Place, int] = field(default_factory=dict, repr=False)

    def line(self, place: Place) -> int:
        """Return the line (from 1) of the field or list item at *place*, or of the nearest thing around it."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)


def load_yaml(path: Path, *, next_step: str | None = None) -> Document:
    """
    Return the document in *path*, of which nothing is doubtful.

    Args:
        path: the file.
        next_step: what a person does if there is no such file.

    Raises:
        InputError: the file is missing, or cannot be read.
        FileProblems: it is not YAML, or not clear YAML.
    """
    document = parse_yaml(path, next_step=next_step)
    if document.problems:
        raise FileProblems(document.problems)
    return document


def parse_yaml(path: Path, *, next_step: str | None = None) -> Document:
    """
    Return the document in *path* with the mistakes in its writing, for a caller who has more of them to report.

    Raises:
        InputError: the file is missing, or cannot be read.
        FileProblems: it is not YAML at all.
    """
    text = _decode(path, _read(path, next_step))
    reader = _Reader(path)
    try:
        data = reader.document(yaml.parse(text, Loader=_Parser))
    except yaml.MarkedYAMLError as error:
        raise FileProblems(list(_syntax_problems(path, text, error))) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise FileProblems([Problem(path, line, "a control character that YAML does not allow")]) from error
    return Document(path, data, tuple(reader.problems), frozenset(reader.doubtful), reader.lines)


def dump_yaml(data: object, *, header: str = "") -> str:
    """Return *data* as YAML, in its own order, after *header* as a comment; every reader reads the same."""
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    return comment + yaml.dump(data, Dumper=_ClearDumper, sort_keys=False, allow_unicode=True, width=120)


class _ClearDumper(_Dumper):  # type: ignore[misc, valid-type]
    """Writes in quotes whatever a reader of YAML 1.1 or 1.2 could take for something else than text."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = None if isinstance(_meaning(text), str) and not _unclear(text) else "'"
        node: yaml.ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", text, style=style)
        return node


_ClearDumper.add_representer(str, _ClearDumper.represent_text)


class _Reader:
    """Turns YAML events into plain values, and notes their lines, and what is unclear on the way."""

    def __init__(self, path: Path) -> None:
        self.problems: list[Problem] = []
        self.doubtful: set[Place] = set()
        self.lines: dict[Place, int] = {}
        self._path = path

    def document(self, events: Iterator[yaml.Event]) -> object:
        data = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._hopeless(event, 'a second document begins here ("---"): the file holds one')
            elif isinstance(event, yaml.NodeEvent):
                data = self._value(event, events, ())
        return data

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], place: Place) -> object:
        self.lines.setdefault(place, _line(event))
        if len(place) > MAX_DEPTH:
            raise self._hopeless(event, f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._doubt(event, place, "an alias or anchor (*name, &name) is not read here: write the value out")
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            self._doubt(event, place, "a tag (!name) is not read here: write text in quotes, the rest as it is")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, place)
        return self._scalar(event, place) if isinstance(event, yaml.ScalarEvent) else None

    def _mapping(self, events: Iterator[yaml.Event], place: Place) -> Mapping[str, object]:
        values: dict[str, object] = {}
        while not isinstance(key := next(events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise self._hopeless(key, "the name of a field is text, not a list, fields or an alias")
            inner = (*place, key.value)
            if key.value in values:
                self._doubt(key, inner, f'"{key.value}" is here twice, first on line {self.lines[inner]}')
                self._value(next(events), events, inner)
                continue
            self.lines[inner] = _line(key)
            values[key.value] = self._value(next(events), events, inner)
        return values

    def _sequence(self, events: Iterator[yaml.Event], place: Place) -> Sequence[object]:
        values: list[object] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            values.append(self._value(item, events, (*place, len(values))))
        return values

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> object:
        text: str = event.value
        if event.style:
            return text
        if hint := _unclear(text):
            self._doubt(event, place, hint)
            return text
        return _meaning(text)

    def _doubt(self, event: yaml.Event, place: Place, message: str) -> None:
        self.problems.append(Problem(self._path, _line(event), message))
        self.doubtful.add(place)

    def _hopeless(self, event: yaml.Event, message: str) -> FileProblems:
        return FileProblems([*self.problems, Problem(self._path, _line(event), message)])


def _meaning(text: str) -> object:  # noqa: PLR0911 - one line for each kind of word
    """Return what the plain word *text* means in YAML 1.2's core schema."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return float(text.replace(".i", "i").replace(".I", "I").replace(".n", "n").replace(".N", "N"))
    return text


def _unclear(text: str) -> str | None:
    """Return what to write instead of the plain word *text*, if YAML 1.1 and 1.2 read it differently."""
    if _UNCLEAR_BOOLEAN.fullmatch(text):
        meant = "true" if text.lower() in {"yes", "on"} else "false"
        return f'{text} is true or false to some readers and text to others: write {meant}, or "{text}"'
    if _UNCLEAR_NUMBER.fullmatch(text):
        return f'{text} is octal to some readers and decimal to others: write "{text}" in quotes if it is a file mode'
    return None


def _read(path: Path, next_step: str | None) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(
            f"there is no file {path}",
            cause=_similar(path),
            next_step=next_step or "look at the path, or write the file",
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror or error}", next_step=f"look at it: ls -ld {path}"
        ) from error


def _similar(path: Path) -> str | None:
    names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"its name may be misspelt: there is {path.parent / close[0]}" if close else None


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileProblems([Problem(path, line, "this is not UTF-8 text: save the file as UTF-8")]) from error


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


_SYNTAX = (
    (
        "mapping values are not allowed",
        'a ":" is not expected here: is it indented too far, is a ":" missing above it, or does the value need quotes?',
    ),
    ("block sequence entries are not allowed", 'a list item ("- ") is not expected here: give it a line of its own'),
    ("could not find expected ':'", 'a ":" is missing after the name of a field'),
    ("did not find expected key", "this line is not indented as the lines that it belongs to"),
    ("did not find expected '-' indicator", "this line is not indented as the list that it belongs to"),
    ("expected <block end>", "this line is not indented as the lines that it belongs to"),
    ("found unexpected end of stream", "a quote is opened here and never closed"),
    ("found unexpected document indicator", "a quote is opened here and never closed"),
    ("did not find expected ',' or", "a bracket is opened here and never closed, or a comma is missing after it"),
    ("expected ',' or", "a bracket is opened here and never closed, or a comma is missing after it"),
    ("unknown escape character", r"a backslash in double quotes: write \\, or use single quotes"),
)
"""What PyYAML says, and the same in the words of someone who writes configuration."""


def _syntax_problems(path: Path, text: str, error: yaml.MarkedYAMLError) -> Iterator[Problem]:
    said = error.problem or "it cannot be read"
    mark = error.problem_mark or error.context_mark
    at = text[mark.index : mark.index + 1] if mark is not None else ""
    if at == "\t" or "tab character" in said:
        for number, line in enumerate(text.splitlines(), 1):
            if "\t" in line[: len(line) - len(line.lstrip())] or (mark is not None and number == mark.line + 1):
                yield Problem(path, number, "a tab: YAML is indented with spaces")
        return
    meant = next((words for start, words in _SYNTAX if start in said), None)
    if meant is None and "cannot start any token" in said:
        meant = f'a value cannot begin with "{at}": put it in quotes'
    opened = meant is not None and ("opened here" in meant or "missing after the name" in meant)
    if opened and error.context_mark is not None:
        mark = error.context_mark
    yield Problem(path, mark.line + 1 if mark is not None else None, meant or f"broken YAML: {said}")
