"""What the models of the files that people write have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Strict

Place = tuple[str | int, ...]
"""Where a value is in a document: the field names and list positions (from 0) that lead to it."""

Whole = Annotated[int, Strict()]
"""A whole number that is written as one: neither ``"3"`` nor ``true``."""


class Model(BaseModel):
    """
    Base of everything that a person writes: frozen, and unknown fields are errors.

    The loader makes sentences of what a field says about itself: ``description`` ends "expected …", and ``examples``
    show what to write. Contradictions between fields are found by *one* validator of the outermost model, which raises
    :class:`Mistakes`, so that all of them can be told at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


@dataclass(frozen=True)
class Mistake:
    """
    A contradiction between values that are each right by themselves.

    *place* is where it is shown, relative to the model that found it; *depends_on* are all the values it follows from:
    if one of them turns out to be a mistake itself, this one is not told.
    """

    message: str
    place: Place
    depends_on: tuple[Place, ...] = field(default=())


class Mistakes(ValueError):
    """Several contradictions, found by one validator."""

    def __init__(self, found: Sequence[Mistake]) -> None:
        super().__init__("; ".join(mistake.message for mistake in found))
        self.found = tuple(found)
