"""From a file that a person wrote to a frozen model, or to all the mistakes in it at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from koprogo_fleet.core.errors import FileProblems, Problem
from koprogo_fleet.core.model import Mistakes, Place
from koprogo_fleet.core.schema import field_at, fields_of
from koprogo_fleet.core.wording import did_you_mean, nearest, sentence, shown
from koprogo_fleet.core.yamlfile import Document, load_yaml, parse_yaml

if TYPE_CHECKING:
    from koprogo_fleet.core.fleet import Fleet

__all__ = ["load_fleet", "load_model", "load_yaml"]

M = TypeVar("M", bound=BaseModel)


def load_fleet(path: Path) -> Fleet:
    """
    Return the desired state that is written in *path*.

    Raises:
        InputError: there is no such file, or it cannot be read.
        FileProblems: every mistake in it, with its line.
    """
    from koprogo_fleet.core.fleet import Fleet  # a script that reads an inventory has no need of it

    return load_model(
        path, Fleet, next_step="look at the path; a new environment starts as a copy of inventory/lab/fleet.yaml"
    )


def load_model(path: Path, model: type[M], *, next_step: str | None = None) -> M:
    """
    Return the *model* that is written in *path*.

    Args:
        path: a YAML file.
        model: what it describes, best derived from :class:`~koprogo_fleet.core.model.Model`.
        next_step: what a person does if there is no such file.

    Raises:
        InputError: there is no such file, or it cannot be read.
        FileProblems: every mistake in it, with its line.
    """
    document = parse_yaml(path, next_step=next_step)
    problems = list(document.problems)
    if document.data is None:
        raise FileProblems([Problem(path, None, f"the file is empty{_known_fields(model)}")])
    if not isinstance(document.data, dict):
        message = f"expected fields (name: value), got {shown(document.data)}{_known_fields(model)}"
        raise FileProblems([*problems, Problem(path, document.line(()), message)])
    try:
        value = model.model_validate(document.data)
    except ValidationError as error:
        problems += _Explanation(document, model).problems(error)
    if problems:
        raise FileProblems(sorted(problems, key=lambda problem: problem.line or 0))
    return value


@dataclass
class _Explanation:
    """Why a document is not a model; *wrong* are the places whose values are not what was meant."""

    document: Document
    model: type[BaseModel]
    wrong: set[Place] = field(default_factory=set)

    def problems(self, error: ValidationError) -> Iterator[Problem]:
        details = error.errors(include_url=False)
        misspelt = {self._meant(detail["loc"]) for detail in details if detail["type"] == "extra_forbidden"}
        for detail in details:
            if detail["type"] == "missing" and detail["loc"] in misspelt:
                continue
            yield from self._problems(detail)
        yield from self._contradictions_behind(details)

    def _problems(self, detail: ErrorDetails) -> Iterator[Problem]:
        place = detail["loc"]
        if isinstance(mistakes := detail.get("ctx", {}).get("error"), Mistakes):
            yield from self._mistakes(place, mistakes)
        elif place in self.document.doubtful:
            return  # its writing is already told
        elif detail["type"] == "extra_forbidden":
            yield self._problem(place, self._unknown(place))
        elif detail["type"] == "missing":
            yield self._problem(place, self._missing(place))
        else:
            label = self._label(place)
            text = sentence(detail, self._field(place), self._written(place))
            yield self._problem(place, f"{label}: {text}" if label else text)

    def _contradictions_behind(self, details: list[ErrorDetails]) -> Iterator[Problem]:
        """
        Look for contradictions although there are wrong values.

        Pydantic compares values only when all are right by themselves. So take what is wrong out, or put an example in
        its place, and look again; whatever follows from such a place is not told.
        """
        data: Any = copy.deepcopy(self.document.data)
        if not all(self._mend(data, detail["loc"], detail["type"]) for detail in details):
            return
        try:
            self.model.model_validate(data)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                if isinstance(mistakes := detail.get("ctx", {}).get("error"), Mistakes):
                    yield from self._mistakes(detail["loc"], mistakes)

    def _mend(self, data: Any, place: Place, kind: str) -> bool:
        if kind == "extra_forbidden":
            _remove(data, place)
            if (meant := self._meant(place)) is not None:
                self.wrong.add(meant)
            return True
        for length in range(len(place), 0, -1):
            outer = place[:length]
            info = self._field(outer)
            if info is None or (info.is_required() and not info.examples):
                continue
            self.wrong.add(outer)
            _remove(data, outer)
            if info.is_required() and info.examples:
                _put(data, outer, info.examples[0])
            return True
        return False

    def _mistakes(self, at: Place, mistakes: Mistakes) -> Iterator[Problem]:
        around_wrong = {wrong[:length] for wrong in self.wrong for length in range(len(wrong))}
        for mistake in mistakes.found:
            places = [(*at, *place) for place in mistake.depends_on]
            if not any(place in around_wrong or self._is_in_wrong(place) for place in places):
                yield self._problem((*at, *mistake.place), mistake.message)

    def _is_in_wrong(self, place: Place) -> bool:
        return any(place[:length] in self.wrong for length in range(1, len(place) + 1))

    def _unknown(self, place: Place) -> str:
        siblings = self._siblings(place)
        hint = did_you_mean(place[-1], siblings) or f"; known are {', '.join(siblings)}"
        label = self._label(place[:-1])
        return f'unknown field "{place[-1]}"{f" in {label}" if label else ""}{hint}'

    def _meant(self, place: Place) -> Place | None:
        """Return the place of the known field that the unknown one at *place* is a misspelling of, if any."""
        name = nearest(place[-1], self._siblings(place))
        return (*place[:-1], name) if name is not None else None

    def _missing(self, place: Place) -> str:
        label = self._label(place[:-1])
        info = self._field(place)
        example = info.examples[0] if info is not None and info.examples else None
        hint = f" (for example {place[-1]}: {example})" if isinstance(example, str | int) else ""
        return f'{f"{label}: " if label else ""}the field "{place[-1]}" is missing{hint}'

    def _siblings(self, place: Place) -> tuple[str, ...]:
        return fields_of(self.model, place[:-1], _holder(self.document.data, place))

    def _field(self, place: Place) -> FieldInfo | None:
        return field_at(self.model, place, _holder(self.document.data, place))

    def _problem(self, place: Place, message: str) -> Problem:
        return Problem(self.document.path, self.document.line(place), message)

    def _written(self, place: Place) -> object:
        holder = _holder(self.document.data, place)
        try:
            return holder[place[-1]]
        except (KeyError, IndexError, TypeError):
            return None

    def _label(self, place: Place) -> str:
        """Return the place in words: a list item is called by its name where it has one."""
        label = ""
        value: Any = self.document.data
        for step in place:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                value = None
            if isinstance(step, int):
                name = value.get("name") if isinstance(value, dict) else None
                label += f"[{name if isinstance(name, str) else step}]"
            else:
                label += f".{step}" if label else step
        return label


def _known_fields(model: type[BaseModel]) -> str:
    names = ", ".join(fields_of(model, ()))
    return f"; it holds the fields {names}" if names else ""


def _holder(data: Any, place: Place) -> Any:
    for step in place[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _remove(data: Any, place: Place) -> None:
    holder = _holder(data, place)
    if isinstance(holder, dict):
        holder.pop(place[-1], None)


def _put(data: Any, place: Place, value: object) -> None:
    holder = _holder(data, place)
    if isinstance(holder, dict):
        holder[place[-1]] = value
