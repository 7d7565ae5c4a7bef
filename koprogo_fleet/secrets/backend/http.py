"""
One HTTP request with a credential in it.

TLS is verified; http is for loopback alone; a redirect is refused, for it would carry the credential elsewhere. Neither an
error nor a log shows a header, a body or the query of an address: an answer may repeat what was sent, or be the new credential.
"""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

import httpx2

from koprogo_fleet.core.errors import BackendError, BackendUnavailable, InputError
from koprogo_fleet.core.secret import Secret

LOOPBACK = r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])"
ADDRESS = rf"^(?:https://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])|http://{LOOPBACK})(?::\d{{1,5}})?(?:[/?]\S*)?$"
"""Addresses to which a credential may travel: no user or password in them, and no variable part before the path."""

SECONDS = 15
LARGEST = 1024 * 1024
_HEADER = re.compile(r"[\x20-\x7e]*")
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_NOTHING: Mapping[str, Secret] = MappingProxyType({})


@dataclass(frozen=True)
class Response:
    """An answer: *body* may be, or repeat, a credential."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Secret

    @property
    def is_success(self) -> bool:
        """Whether the server did what it was asked for."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_gone(self) -> bool:
        """Whether there is no such thing (any more)."""
        return self.status in _GONE


def fetch(  # noqa: PLR0913 - what a request is made of
    method: str,
    url: str,
    headers: Mapping[str, Secret] = _NOTHING,
    content: Secret | None = None,
    *,
    ca: str | None = None,
    seconds: float = SECONDS,
) -> Response:
    """
    Ask once, and return the answer whatever its status, but for those that another try may change.

    Args:
        method: such as POST.
        url: as :data:`ADDRESS` allows.
        headers: by name.
        content: the body, as it is.
        ca: file of the authority that the server is verified with; None means those of this machine.
        seconds: to the last byte of the answer.

    Raises:
        BackendUnavailable: no answer in time, 429 or 5xx: what was asked for may have happened.
        BackendError: the server does not prove who it is, redirects, or its answer is too long.
        InputError: the address, the authority or a header cannot be used.
    """
    if not re.fullmatch(ADDRESS, url):
        raise InputError(
            f"{without_query(url)} is no address for a credential",
            cause="it has to be https://host[:port]/…; http is for this machine alone",
        )
    what = f"{method} {without_query(url)}"
    deadline = time.monotonic() + seconds
    with (
        _explained(what),
        httpx2.Client(verify=_context(ca), timeout=seconds, trust_env=_leaves_this_machine(url)) as client,
        client.stream(
            method,
            url,
            headers={name: _header(name, value) for name, value in headers.items()},
            content=None if content is None else content.reveal().encode(),
        ) as answer,
    ):
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > LARGEST:
                raise BackendError(f"{what}: the answer has more than {LARGEST} bytes")
            if time.monotonic() > deadline:
                raise BackendUnavailable(f"{what}: the answer has not ended after {seconds:.0f} s")
        response = Response(answer.status_code, dict(answer.headers), Secret(body.decode(errors="replace")))
    return _usable(what, response)


def refused(what: str, response: Response) -> BackendError:
    """Return the error for an answer that is no success; what the server said stays unsaid: it may be the credential."""
    return BackendError(
        f"{what}: {described(response.status)}",
        cause="the credential is not accepted, or does not allow this call"
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        else "the server does not understand the request",
        next_step="make the same request by hand (curl): its answer is not shown here, for it may hold a credential",
    )


def described(status: int) -> str:
    """Return a status with its name."""
    known = status in {member.value for member in HTTPStatus}
    return f"{status} {HTTPStatus(status).phrase}" if known else str(status)


def without_query(url: str) -> str:
    """Return *url* without what may be signed, or secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _usable(what: str, response: Response) -> Response:
    if response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise BackendUnavailable(
            f"{what}: {described(response.status)}",
            cause="the server is starting, overloaded, or unwell",
            next_step="run the same again",
        )
    if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        raise BackendError(
            f"{what}: {described(response.status)}: it redirects",
            cause="the credential would go to another address",
            next_step="write the address that is meant",
        )
    return response


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        failure = _tls_failure(error)
        # Not chained: the library's errors hold the request with its headers.
        raise _no_proof(what, failure) if failure else _no_answer(what, type(error).__name__) from None


def _no_proof(what: str, failure: str) -> BackendError:
    return BackendError(
        f"{what}: the server does not prove who it is: {failure}",
        cause="it has a certificate of another authority, or somebody is in between",
        next_step="name the file of its authority (ca)",
    )


def _no_answer(what: str, reason: str) -> BackendUnavailable:
    return BackendUnavailable(
        f"{what}: no answer: {reason}",
        cause="it is down, or a firewall is in between",
        next_step="run the same again",
    )


def _tls_failure(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return str(getattr(cause, "verify_message", "") or cause.reason)
        cause = cause.__cause__ or cause.__context__
    return ""


def _context(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"{ca} cannot be used as the file of an authority: {error}", next_step="name a PEM file"
        ) from error


def _leaves_this_machine(url: str) -> bool:
    return re.match(rf"^https?://{LOOPBACK}(?:[:/?]|$)", url) is None  # no proxy leads to our own loopback


def _header(name: str, value: Secret) -> str:
    if not _HEADER.fullmatch(value.reveal()):
        raise InputError(f"the value of the header {name} has characters that no header can have (a line's end?)")
    return value.reveal()


def _hide_query(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(without_query(str(part)) if isinstance(part, httpx2.URL) else part for part in record.args)
    return True


logging.getLogger("httpx2").addFilter(_hide_query)
