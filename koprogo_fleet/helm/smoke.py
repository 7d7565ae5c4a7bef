"""
Smoke tests: questions that a release must answer well once it is deployed, asked over HTTP as its users ask them.

What a good answer is, is decided purely (:func:`troubles`); asking is one call. How long an answer takes is no matter
here: that is what objectives are for.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

import httpx2
from pydantic import Field, StringConstraints, model_validator

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.model import Mistake, Mistakes, Model, Whole
from koprogo_fleet.core.sections import Text
from koprogo_fleet.core.wait import NotYet, wait_for

READ_MAX = 1 << 20
"""Bytes of an answer that are looked at."""

SECONDS = 10.0

Url = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^/@\s]+(/\S*)?$"),
    Field(description="an address such as https://api.example.com/health, without a user or a password"),
]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/\S*$"), Field(description="a path such as /health")]
Host = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"),
    Field(description="a host's name such as api.example.com"),
]


class SmokeTest(Model):
    """
    One question, and what its answer must be.

    It goes to *url*, or to *path* at the way in that whoever runs it knows: the load balancer, a node's port. *host* is
    then the name that an ingress routes by; it is also the one that a certificate must be for. Redirects are answers.
    """

    url: Url | None = None
    path: UrlPath | None = None
    host: Host | None = None
    status: Whole = Field(default=200, ge=100, le=599, description="an HTTP status from 100 to 599")
    contains: Text | None = Field(default=None, description="text that must be in the answer")
    headers: Mapping[str, str] = Field(
        default_factory=dict, description="headers that the answer must have, each with text that must be in it"
    )

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if (self.url is None) == (self.path is None):
            raise Mistakes([Mistake("a smoke test has either url or path", (), (("url",), ("path",)))])
        return self

    def address(self, entry: str | None) -> str:
        """
        Return what is asked; *entry* is the way in for a path, ``http://198.18.0.5:30080``.

        Raises:
            InputError: there is only a path, and no way in.
        """
        if self.url is not None:
            return self.url
        if entry is None:
            raise InputError(
                f"the smoke test of {self.path} has no address, and no way in is known",
                next_step="write url instead of path, or describe a load balancer in fleet.yaml",
            )
        return f"{entry.rstrip('/')}{self.path}"


@dataclass(frozen=True)
class Answer:
    """What came back: the names of *headers* are in lower case, *body* may be cut."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class NoAnswer:
    """Nothing came back, and why."""

    reason: str


@dataclass(frozen=True)
class Outcome:
    """How a smoke test went: well, where there are no troubles."""

    address: str
    troubles: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.address}: {'; '.join(self.troubles) or 'well'}"


def troubles(test: SmokeTest, answer: Answer | NoAnswer) -> tuple[str, ...]:
    """Return everything that is not as it must be."""
    if isinstance(answer, NoAnswer):
        return (f"no answer: {answer.reason}",)
    found = []
    if answer.status != test.status:
        found.append(f"status {answer.status}, not {test.status}")
    if test.contains is not None and test.contains not in answer.body:
        found.append(f'"{test.contains}" is not in the answer')
    for name, text in test.headers.items():
        given = answer.headers.get(name.lower())
        if given is None:
            found.append(f"there is no header {name}")
        elif text not in given:
            found.append(f'the header {name} is "{given}", without "{text}"')
    return tuple(found)


def ask(test: SmokeTest, entry: str | None = None, *, authority: Path | None = None) -> Answer | NoAnswer:
    """
    Ask once.

    Args:
        test: the question.
        entry: the way in, for a test that has a path alone.
        authority: a PEM file of the authority that signed the certificate, where it is a private one.

    Raises:
        InputError: there is no way in, or *authority* cannot be read.
    """
    address = test.address(entry)
    headers = {"Host": test.host} if test.host else {}
    known_as = test.host or urlsplit(address).hostname or ""
    try:
        with (
            httpx2.Client(verify=_trust(authority), trust_env=False, timeout=SECONDS) as client,
            client.stream("GET", address, headers=headers, extensions={"sni_hostname": known_as}) as response,
        ):
            return Answer(
                response.status_code,
                {name.lower(): value for name, value in response.headers.items()},
                _beginning(response).decode(errors="replace"),
            )
    except httpx2.HTTPError as error:
        return NoAnswer(str(error) or type(error).__name__)


def run_smoke_tests(
    tests: Sequence[SmokeTest], entry: str | None = None, *, authority: Path | None = None
) -> tuple[Outcome, ...]:
    """Ask all *tests* once, and return how each went."""
    return tuple(Outcome(test.address(entry), troubles(test, ask(test, entry, authority=authority))) for test in tests)


def wait_until_well(
    tests: Sequence[SmokeTest],
    entry: str | None = None,
    *,
    seconds: float,
    authority: Path | None = None,
    listener: Listener = ignore,
) -> None:
    """
    Ask all *tests* until all of them are answered well at once.

    Raises:
        WaitTimeout: they were not within *seconds*; the last troubles are in it.
    """

    def well() -> None:
        if bad := [outcome for outcome in run_smoke_tests(tests, entry, authority=authority) if outcome.troubles]:
            raise NotYet("; ".join(map(str, bad)))

    wait_for("the smoke tests to be answered well", well, seconds=seconds, listener=listener)


def _trust(authority: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise InputError(
            f"the authority {authority} cannot be used: {error}", next_step="name a PEM file with a certificate"
        ) from error


def _beginning(response: httpx2.Response) -> bytes:
    read = b""
    for chunk in response.iter_bytes():
        read += chunk
        if len(read) >= READ_MAX:
            break
    return read[:READ_MAX]
