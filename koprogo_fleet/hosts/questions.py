"""
Questions that many looks have in common, asked for all of them at once.

A process costs a node a millisecond or two, and a baseline looks at a hundred files. So a look asks for a file's status,
a file's checksum or a unit's properties in sh that takes the answer from a variable, where there is one, and runs the
program where there is none: it is right by itself, and quick in company. :func:`ask_all` sets the variables.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

STATUS = "%F|%a|%U|%u|%G|%g"
"""The format of ``stat``: kind, permissions, owner, and group, the latter two by name and by number."""

_UNIT = re.compile(r"[A-Za-z0-9:_.-]+(@[A-Za-z0-9:_.-]+)?")
# stat's lines are told apart by the bar after the name; sha256sum writes these names otherwise than they are.
_UNUSUAL_IN_PATHS = re.compile(r"[|\\\r\n]")


@dataclass(frozen=True)
class PathStatus:
    """What ``stat`` tells about what is at *path* (a symbolic link is not followed), as a line of :data:`STATUS`."""

    path: str

    @property
    def variable(self) -> str:
        """The shell variable that may hold the answer."""
        return _variable("status", self.path)

    def sh(self, otherwise: str) -> str:
        """Return sh that prints the line, or runs *otherwise* where there is nothing."""
        path, known = shlex.quote(self.path), self.variable
        return (
            f'if [ -n "${{{known}-}}" ]; then printf "%s\\n" "${known}"\n'
            f"elif [ -e {path} ] || [ -L {path} ]; then stat -c '{STATUS}' -- {path}\nelse {otherwise}; fi"
        )


@dataclass(frozen=True)
class Checksum:
    """The SHA-256 of the regular file at *path*."""

    path: str

    @property
    def variable(self) -> str:
        """The shell variable that may hold the answer."""
        return _variable("checksum", self.path)

    def sh(self) -> str:
        """Return sh that prints it, and leaves it in ``$sum``; the file is there."""
        return (
            f"sum=${{{self.variable}-}}\n"
            f'[ -n "$sum" ] || {{ sum=$(sha256sum <{shlex.quote(self.path)}); sum=${{sum%% *}}; }}\n'
            'printf "%s\\n" "$sum"'
        )


@dataclass(frozen=True)
class UnitProperties:
    """What systemd tells of a *unit*: *properties*, comma-separated, as ``systemctl show`` names and prints them."""

    unit: str
    properties: str

    @property
    def variable(self) -> str:
        """The shell variable that may hold the answer."""
        return _variable("unit", f"{self.unit} {self.properties}")

    def sh(self) -> str:
        """Return sh that prints them, one a line."""
        known = self.variable
        show = f"systemctl show --property={self.properties} -- {shlex.quote(self.unit)}"
        return f'if [ -n "${{{known}-}}" ]; then printf "%s\\n" "${known}"; else {show}; fi'


Question = PathStatus | Checksum | UnitProperties
_Q = TypeVar("_Q", PathStatus, Checksum, UnitProperties)


@runtime_checkable
class Asks(Protocol):
    """A resource that can say what its look asks."""

    def questions(self) -> Iterable[Question]:
        """Return what others may ask, too."""


_AT_ONCE = 50
"""How many of a kind: the shell finds the place of each answer among all of them, one after the other."""


def ask_all(questions: Iterable[Question]) -> list[str]:
    """Return lines of sh that ask all *questions*, many in one process; none where nothing is gained."""
    distinct = dict.fromkeys(questions)
    usual = [question for question in distinct if _is_usual(question)]
    statuses = [question for question in usual if isinstance(question, PathStatus)]
    checksums = [question for question in usual if isinstance(question, Checksum)]
    units: dict[str, list[UnitProperties]] = defaultdict(list)
    for question in usual:
        if isinstance(question, UnitProperties):
            units[question.properties].append(question)
    lines = [
        *(line for group in _batches(statuses) for line in _statuses(group)),
        *(line for group in _batches(checksums) for line in _checksums(group)),
        *(
            line
            for properties, same in units.items()
            for group in _batches(same)
            for line in _properties(properties, group)
        ),
    ]
    return ["line_end='\n'", "set -f; IFS=$line_end", *lines, "unset IFS; set +f; set --"] if lines else []


def _batches(questions: Sequence[_Q]) -> Iterator[Sequence[_Q]]:
    """Yield them in groups; a single question can as well be asked where it is."""
    for begin in range(0, len(questions), _AT_ONCE):
        if len(group := questions[begin : begin + _AT_ONCE]) > 1:
            yield group


def _statuses(questions: Sequence[PathStatus]) -> list[str]:
    paths = " ".join(shlex.quote(question.path) for question in questions)
    arms = (
        f"{shlex.quote(question.path + '|')}*) {question.variable}=${{line#{shlex.quote(question.path + '|')}}} ;;"
        for question in questions
    )
    return [
        f"for line in $(stat -c '%n|{STATUS}' -- {paths} 2>/dev/null); do",
        "case $line in",
        *arms,
        "esac",
        "done",
    ]


def _checksums(questions: Sequence[Checksum]) -> list[str]:
    paths = [shlex.quote(question.path) for question in questions]
    return [
        "set --",
        *(f'[ ! -f {path} ] || [ -L {path} ] || set -- "$@" {path}' for path in paths),  # a pipe would never end
        'for line in $([ "$#" -eq 0 ] || sha256sum -- "$@" 2>/dev/null); do',
        "case ${line#*  } in",
        *(f"{path}) {question.variable}=${{line%% *}} ;;" for path, question in zip(paths, questions, strict=True)),
        "esac",
        "done",
    ]


def _properties(properties: str, questions: Sequence[UnitProperties]) -> list[str]:
    """Systemd answers in the order of the question, with an empty line between two units."""
    units = " ".join(shlex.quote(question.unit) for question in questions)
    last = questions[-1].variable
    return [
        f"rest=$(systemctl show --property={properties} -- {units} 2>/dev/null)",
        *(
            line
            for question in questions
            for line in (
                f'{question.variable}=${{rest%%"$line_end$line_end"*}}',
                f'rest=${{rest#"${question.variable}"}}; rest=${{rest#"$line_end$line_end"}}',
            )
        ),
        # An answer that is missing would have moved the others: then each look asks for itself.
        f'[ -n "${last}" ] || unset {" ".join(question.variable for question in questions)}',
    ]


def _is_usual(question: Question) -> bool:
    if isinstance(question, UnitProperties):
        return _UNIT.fullmatch(question.unit) is not None
    return _UNUSUAL_IN_PATHS.search(question.path) is None


def _variable(kind: str, what: str) -> str:
    return f"{kind}_{hashlib.sha256(what.encode(errors='surrogateescape')).hexdigest()[:16]}"
