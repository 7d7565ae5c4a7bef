"""
A token that an API gives out, by its own HTTP requests or by a command.

Only the API chooses it: a run that is killed between the API's answer and Vault leaves a token that nobody knows. Every token is
thus made under a name with the rotation's id in it, and what bears that name without being kept is revoked before another
one is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from koprogo_fleet.core.errors import BackendError
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.model import Mistake, Mistakes, Place, Whole
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.backend.calls import Call, Dotted, Reply, at, mistakes, perform
from koprogo_fleet.secrets.backend.http import described
from koprogo_fleet.secrets.backend.proof import SECONDS, proven
from koprogo_fleet.secrets.backend.words import ID, NAME, TOKEN, Words, in_vault, words_in
from koprogo_fleet.secrets.kinds.kind import Change, Origin, Tools
from koprogo_fleet.secrets.kinds.lent import kept_value
from koprogo_fleet.secrets.kinds.quiet import NO_VALUES, Quiet
from koprogo_fleet.secrets.spec import SecretSpec, Target, Values

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@/+=-]*")


class Creation(Call):
    """How a token is made, and where the answer has it: *token* and *id* are places in its JSON document."""

    token: Dotted | None = None
    id: Dotted | None = None


class TokenList(Call):
    """How the tokens are listed; *items* is the place of the list, *id* and *name* are places in each item."""

    items: Dotted | None = None
    id: Dotted = "id"
    name: Dotted = "name"


class Check(Call):
    """A call that only a valid token may make, and for how long it may be refused."""

    seconds: Whole = Field(default=SECONDS, ge=1, le=600, description="a time from 1 to 600 seconds")


_ALLOWED: Mapping[str, frozenset[str]] = {
    "create": frozenset({NAME}),
    "revoke": frozenset({ID, TOKEN}),
    "check": frozenset({ID, TOKEN}),
    "list": frozenset(),
}


class ApiTokenSpec(SecretSpec):
    """The calls of one API."""

    FIELDS: ClassVar[tuple[str, ...]] = (TOKEN, ID)

    kind: Literal["api-token"]
    create: Creation
    revoke: Call
    check: Check | None = None
    list: TokenList | None = None

    @model_validator(mode="after")
    def _calls_make_sense(self) -> Self:
        calls = {name: call for name in _ALLOWED if (call := getattr(self, name)) is not None}
        found = [one for name, call in calls.items() for one in mistakes(call, (name,), _ALLOWED[name])]
        if self.list is not None and TOKEN in words_in(self.revoke.model_dump()):
            places: tuple[Place, ...] = (("revoke",), ("list",))
            found.append(Mistake("what list finds is revoked by its {id}: nobody knows its {token}", places[0], places))
        if found:
            raise Mistakes(found)
        return self

    def target_keys(self, target: Target) -> Mapping[str, str]:
        """Return the fields that *target* holds: the token alone, unless it says more."""
        return target.keys or {TOKEN: target.key or TOKEN}


class ApiToken(Quiet[ApiTokenSpec]):
    """Tokens beside each other: the new one is made while the former is valid, which is revoked at the end."""

    name = "api-token"
    spec = ApiTokenSpec
    origin = Origin.ELSEWHERE

    def create(self, spec: ApiTokenSpec, change: Change, tools: Tools) -> Values:
        """Make one, unless there is one; what an earlier try of this rotation left is revoked first."""
        if change.new:
            return change.new
        self._sweep(spec, change, tools)
        mark = Secret(mark_of(spec, change))
        reply = perform(spec.create, _words(tools, {NAME: mark}))
        token = reply.value(spec.create.token)
        number = reply.value(spec.create.id) if spec.create.id else mark
        if reply.gone or token is None or number is None or not _ID.fullmatch(number.reveal()):
            raise BackendError(
                f"{reply.what}: the answer has no token, or no id that can be used",
                cause="`create.token` or `create.id` in secrets.yaml names another place",
                next_step=f"look at the answer by hand; a token named {mark.reveal()} may have been made",
            )
        return {TOKEN: token, ID: number}

    def prove(self, spec: ApiTokenSpec, values: Values, tools: Tools) -> None:
        """Make the call that only a valid token may make."""
        if (check := spec.check) is None:
            return

        def look() -> None:
            reply = perform(check, _words(tools, values))
            if reply.gone:
                raise BackendError(f"{reply.what}: {described(404)}", next_step="look at `check` in secrets.yaml")

        proven(f"the token of {spec.name} is accepted", look, check.seconds, tools.listener)

    def revoke(self, spec: ApiTokenSpec, change: Change, tools: Tools) -> None:
        """Revoke the former one; one that a person put there has no id, and is left to that person."""
        if change.former and ID not in change.former:
            tools.listener(Note(f"{spec.name}: the former token has no id in Vault: revoke it by hand"))
        self._remove(spec, change.former, tools)

    def discard(self, spec: ApiTokenSpec, change: Change, tools: Tools) -> None:
        """Revoke the new one, or what an interrupted try of it left."""
        if change.new:
            self._remove(spec, change.new, tools)
        else:
            self._sweep(spec, change, tools)

    def _remove(self, spec: ApiTokenSpec, values: Values, tools: Tools) -> None:
        if ID not in values:
            return
        if spec.list is None or values[ID].reveal() in [number for number, _ in _listed(spec.list, tools)]:
            perform(spec.revoke, _words(tools, values))

    def _sweep(self, spec: ApiTokenSpec, change: Change, tools: Tools) -> None:
        if spec.list is None:
            return
        for number, name in _listed(spec.list, tools):
            if change.id in name:
                perform(spec.revoke, _words(tools, {ID: Secret(number)}))
                tools.listener(Note(f"{spec.name}: revoked {name}, which an interrupted rotation left"))


def mark_of(spec: SecretSpec, change: Change) -> str:
    """Return the name of a token: what it is for, and the rotation that made it."""
    return f"{spec.name}-{change.id}"


def _listed(calls: TokenList, tools: Tools) -> Iterator[tuple[str, str]]:
    reply: Reply = perform(calls, _words(tools, NO_VALUES))
    for item in reply.items(calls.items):
        number, name = at(item, calls.id), at(item, calls.name)
        if isinstance(number, str | int) and isinstance(name, str) and _ID.fullmatch(str(number)):
            yield str(number), name


def _words(tools: Tools, known: Values) -> Callable[[Sequence[str]], Words]:
    def words(asked: Sequence[str]) -> Words:
        places = {word: place for word in asked if (place := in_vault(word)) is not None}
        return {**known, **{word: kept_value(tools, *place) for word, place in places.items()}}

    return words
