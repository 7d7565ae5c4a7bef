"""What a model says about the value at a place: asked by the loader to explain a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from koprogo_fleet.core.model import Place


def field_at(model: type[BaseModel], place: Place, around: object = None) -> FieldInfo | None:
    """
    Return the field at *place*; None for the model itself, a list item, or what the model does not know.

    *around* is what is written around it: where that may be one of several models, it says which one is meant.
    """
    if not place:
        return None
    found = (_fields(candidate).get(str(place[-1])) for candidate in _meant(_models_at(model, place[:-1]), around))
    return next((info for info in found if info is not None), None)


def fields_of(model: type[BaseModel], place: Place, written: object = None) -> tuple[str, ...]:
    """Return the names that may be written at *place*, where *written* is."""
    found = (name for candidate in _meant(_models_at(model, place), written) for name in _fields(candidate))
    return tuple(dict.fromkeys(found))


def _meant(candidates: tuple[type[BaseModel], ...], written: object) -> tuple[type[BaseModel], ...]:
    """Return those of *candidates* whose literal fields (their ``kind``) are as *written*; all where none is."""
    if not isinstance(written, Mapping):
        return candidates
    return tuple(candidate for candidate in candidates if _admits(candidate, written)) or candidates


def _admits(candidate: type[BaseModel], written: Mapping[Any, Any]) -> bool:
    literals = {
        name: get_args(info.annotation)
        for name, info in _fields(candidate).items()
        if get_origin(info.annotation) is Literal
    }
    return all(written[name] in values for name, values in literals.items() if name in written)


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _models_at(model: type[BaseModel], place: Place) -> tuple[type[BaseModel], ...]:
    return _models_like(model, tuple(step if isinstance(step, str) else 0 for step in place))


@cache
def _models_like(model: type[BaseModel], place: Place) -> tuple[type[BaseModel], ...]:
    """Find the models at *place*, in which every list position is 0: long lists are alike."""
    annotations: list[Any] = [model]
    for step in place:
        annotations = [inner for annotation in annotations for inner in _inside(annotation, step)]
    return tuple(found for annotation in annotations for found in _models(annotation))


def _inside(annotation: Any, step: str | int) -> Iterator[Any]:
    """Yield what the value under *step* may be, in a value described by *annotation*."""
    for option in _options(annotation):
        origin, arguments = get_origin(option), get_args(option)
        if isinstance(option, type) and issubclass(option, BaseModel):
            if info := _fields(option).get(str(step)):
                yield info.annotation
        elif isinstance(origin, type) and arguments:
            yield arguments[-1] if issubclass(origin, Mapping) else arguments[0]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            yield option


def _options(annotation: Any) -> Iterator[Any]:
    """Yield the parts of a union, without the metadata around them."""
    if hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    if get_origin(annotation) in {Union, UnionType}:
        for part in get_args(annotation):
            yield from _options(part)
    elif isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from _options(annotation.model_fields["root"].annotation)
    else:
        yield annotation
