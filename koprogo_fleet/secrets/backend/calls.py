"""What a person writes about one call to a server, as an HTTP request or a command, and the doing of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field, StringConstraints

from koprogo_fleet.core.errors import BackendError
from koprogo_fleet.core.model import Mistake, Model, Place, Whole
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.backend import command, http
from koprogo_fleet.secrets.backend.words import PLAIN, Words, filled, filled_document, is_known, words_in

Dotted = Annotated[
    str,
    StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+)*$"),
    Field(description="names and positions with dots between, such as data.token", examples=["data.token"]),
]
CallSeconds = Annotated[Whole, Field(ge=1, le=600, description="a time from 1 to 600 seconds")]


class HttpRequest(Model):
    """A request. Words in braces are replaced in its address, its headers, and the texts of its body."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="GET", description="GET, POST, PUT, PATCH or DELETE"
    )
    url: str = Field(
        pattern=http.ADDRESS, description="https://host/path; http for loopback alone", examples=["https://host/"]
    )
    headers: Mapping[str, str] = {}
    body: Any = Field(default=None, description="a JSON document")
    ca: str | None = Field(default=None, pattern="^/", description="the absolute path of a PEM file")
    seconds: CallSeconds = http.SECONDS


class CommandLine(Model):
    """A program. Words in braces are replaced in its arguments, its input, and its environment."""

    argv: tuple[str, ...] = Field(min_length=1, description="a program and its arguments, as a list")
    stdin: str = ""
    environment: Mapping[str, str] = {}
    seconds: CallSeconds = 60


class Call(Model):
    """Either a request or a command."""

    http: HttpRequest | None = None
    command: CommandLine | None = None


@dataclass(frozen=True)
class Reply:
    """What came back; *gone* says that the server does not know what the call was about."""

    what: str
    text: Secret
    gone: bool = False

    def value(self, place: str | None) -> Secret | None:
        """Return the text or number at *place* of the JSON document, or the whole text; None where there is none."""
        if place is None:
            return Secret(self.text.reveal().strip()) or None
        found = at(self._document(), place)
        return (
            Secret(str(found)) if isinstance(found, str | int) and not isinstance(found, bool) and found != "" else None
        )

    def items(self, place: str | None) -> Sequence[Any]:
        """
        Return the list at *place* of the JSON document, or the document that is a list; its items may hold credentials.

        Raises:
            BackendError: there is no list.
        """
        found = self._document() if place is None else at(self._document(), place)
        if not isinstance(found, list):
            raise BackendError(
                f"{self.what}: there is no list {f'at {place} ' if place else ''}in the answer",
                next_step="look at `items` in secrets.yaml",
            )
        return found

    def _document(self) -> Any:
        try:
            return json.loads(self.text.reveal())
        except ValueError:
            raise BackendError(
                f"{self.what}: the answer is no JSON", next_step="look at the address, or at what the command writes"
            ) from None


def at(document: Any, place: str) -> Any:
    """Return what is at *place* (names and positions with dots between) of a JSON document; None where nothing is."""
    for step in place.split("."):
        if isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        elif isinstance(document, Mapping):
            document = document.get(step)
        else:
            return None
    return document


def perform(call: Call, words: Callable[[Sequence[str]], Words]) -> Reply:
    """
    Do it.

    Args:
        call: what to do.
        words: tells what the words in it stand for.

    Raises:
        BackendUnavailable: no answer, or one that another try may change: it may have happened.
        BackendError: the server, or the command, says no; 404 and 410 are answers, see :class:`Reply`.
        InputError: it cannot be done as it is written.
    """
    if call.http is not None:
        return _request(call.http, words([*words_in(call.http.model_dump())]))
    if call.command is not None:
        return _command(call.command, words([*words_in(call.command.model_dump())]))
    raise AssertionError("one of the two is there: the file was read")


def mistakes(call: Call, place: Place, allowed: frozenset[str]) -> Iterator[Mistake]:
    """
    Yield what *call* must not say.

    Args:
        call: as it was read.
        place: of it, in the model that looks for mistakes.
        allowed: the words that stand for something in this call, beside those of Vault.
    """
    if (call.http is None) == (call.command is None):
        yield Mistake("either http or command has to be there, and not both", place, (place,))
    visible = [*words_in(call.http.url)] if call.http else []
    visible += words_in(call.command.argv) if call.command else []
    for word in visible:
        if word not in PLAIN and is_known(word):
            where = "an address" if call.http else "an argument"
            means = "use a header or the body" if call.http else "use stdin or the environment"
            yield Mistake(f"{{{word}}} would show a secret in {where}: {means}", place, (place,))
    for word in sorted(set(words_in(call.model_dump()))):
        if not is_known(word) or (word in {*PLAIN, "token"} and word not in allowed):
            known = ", ".join(f"{{{name}}}" for name in sorted(allowed))
            yield Mistake(
                f"{{{word}}} stands for nothing here: there is {known}{', ' if known else ''}{{vault:PATH#KEY}}",
                place,
                (place,),
            )


def _request(request: HttpRequest, words: Words) -> Reply:
    url = filled(request.url, words, lambda value: quote(value, safe="")).reveal()
    headers = {name: filled(value, words) for name, value in request.headers.items()}
    content = None
    if request.body is not None:
        content = Secret(json.dumps(filled_document(request.body, words)))
        headers = {"Content-Type": Secret("application/json"), **headers}
    response = http.fetch(request.method, url, headers, content, ca=request.ca, seconds=request.seconds)
    what = f"{request.method} {http.without_query(url)}"
    if not response.is_success and not response.is_gone:
        raise http.refused(what, response)
    return Reply(what, response.body, response.is_gone)


def _command(line: CommandLine, words: Words) -> Reply:
    argv = [filled(argument, words).reveal() for argument in line.argv]
    environment = {name: filled(value, words) for name, value in line.environment.items()}
    text = command.run(argv, filled(line.stdin, words), environment, line.seconds)
    return Reply(f"the command {argv[0]}", text)
