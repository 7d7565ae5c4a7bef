"""
Calls to the OVH API: typed errors, and only the retries that are safe.

A GET is tried again when there was no usable answer. Any call is tried again after 429, and once after "Invalid
signature" (with the clock read again): such an answer means that nothing was done. A POST without an answer is
**never** sent again, because OVH has no idempotency keys: the caller looks for the object by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_before_delay, wait_exponential, wait_random

from koprogo_fleet.core.errors import InputError, OvhError, OvhRateLimited, OvhUnavailable
from koprogo_fleet.core.events import Listener, Waiting, ignore
from koprogo_fleet.ovh import answers
from koprogo_fleet.ovh.credentials import PROJECT_VARIABLE, OvhCredentials
from koprogo_fleet.ovh.rate import TokenBucket
from koprogo_fleet.ovh.transport import TIMEOUT, transport_for


class OvhApi:
    """
    The OVH API behind one set of credentials. Safe between threads.

    Args:
        credentials: how to log in.
        listener: told when a call waits (rate limit, no answer).
        patience: seconds that one call may take, with all its retries.
        timeout: seconds to connect, and between two bytes of an answer.
        bucket: holds the calls back; by default to the credentials' pace.
    """

    def __init__(
        self,
        credentials: OvhCredentials,
        listener: Listener = ignore,
        *,
        patience: float = 120.0,
        timeout: tuple[float, float] = TIMEOUT,
        bucket: TokenBucket | None = None,
    ) -> None:
        self._transport = transport_for(credentials, timeout)
        self._listener = listener
        self._patience = patience
        self._bucket = bucket or TokenBucket(*credentials.pace)
        self._project = credentials.project_id

    @property
    def project(self) -> str:
        """
        The id of the Public Cloud project: as the credentials say, or the only one there is.

        Raises:
            InputError: there is none, or more than one.
        """
        if self._project is None:
            projects = self.get("/cloud/project")
            if len(projects) != 1:
                raise InputError(
                    f"these credentials see {len(projects)} Public Cloud projects" + _listed(projects),
                    cause="which one to use must be said, unless there is exactly one",
                    next_step=f"export {PROJECT_VARIABLE}=<project id>",
                )
            self._project = str(projects[0])
        return self._project

    def in_project(self, path: str) -> str:
        """Return the full path of *path* ("/instance") in the project."""
        return f"/cloud/project/{self.project}{path}"

    def get(self, path: str, **query: str | None) -> Any:
        """GET *path*; a query value of None is left out. Tried again when there is no usable answer."""
        return self._call("GET", _with_query(path, query), None)

    def get_public(self, path: str, **query: str | None) -> Any:
        """GET *path* without logging in: for what everybody may read, which a consumer key's rules need not grant."""
        return self._call("GET", _with_query(path, query), None, signed=False)

    def post_unsigned(self, path: str, body: Any) -> Any:
        """POST *body* with the application key alone, as one asks for a consumer key."""
        return self._call("POST", path, body, signed=False)

    def post(self, path: str, body: Any = None, *, void: bool = False) -> Any:
        """
        POST *body* as JSON. After :class:`OvhUnavailable` it may have been done: look, do not call again.

        *void* says that this call has no answer; from any other, an empty one is a lost one.
        """
        return self._call("POST", path, body, void=void)

    def put(self, path: str, body: Any) -> Any:
        """PUT *body* as JSON."""
        return self._call("PUT", path, body, void=True)

    def delete(self, path: str) -> Any:
        """DELETE *path*."""
        return self._call("DELETE", path, None, void=True)

    def _call(self, method: str, path: str, body: Any, *, signed: bool = True, void: bool = False) -> Any:
        call = f"{method} {path}"
        if not signed:
            return self._retrying(call, lambda error: _may_retry(error, method))(
                self._send, method, path, body, signed=False
            )
        self._retrying(call, lambda error: isinstance(error, OvhError) and error.temporary)(self._prepare)
        return self._retrying(call, lambda error: _may_retry(error, method))(
            self._call_with_clock, method, path, body, void=void
        )

    def _retrying(self, call: str, predicate: Callable[[BaseException], bool]) -> Retrying:
        return Retrying(
            retry=retry_if_exception(predicate),
            wait=_wait,
            stop=stop_before_delay(self._patience),
            before_sleep=lambda state: self._tell(call, state),
            reraise=True,
        )

    def _prepare(self) -> None:
        """Get the clock or the token by a call of its own, so that its failure is never taken for the call's."""
        with _no_answer("GET", "/auth"):
            self._transport.prepare()

    def _call_with_clock(self, method: str, path: str, body: Any, *, void: bool) -> Any:
        try:
            return self._send(method, path, body, void=void)
        except OvhError as error:
            if not answers.is_invalid_signature(error):
                raise
        self._transport.renew()
        self._prepare()
        return self._send(method, path, body, void=void)

    def _send(self, method: str, path: str, body: Any, *, signed: bool = True, void: bool = False) -> Any:
        call = f"{method} {path}"
        self._bucket.take(lambda seconds: self._waiting(call, "held back to a fair pace", seconds))
        with _no_answer(method, path):
            response = self._transport.send(method, path, body, signed=signed)
        return answers.decode(response, method, path, void=void)

    def _tell(self, call: str, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        seconds = state.next_action.sleep if state.next_action else 0.0
        what = "rate-limited" if isinstance(error, OvhRateLimited) else f"{error}; waiting"
        self._waiting(call, what, seconds, pause=seconds)

    def _waiting(self, call: str, what: str, seconds: float, *, pause: float = 0.0) -> None:
        until = datetime.now().astimezone() + timedelta(seconds=seconds)
        self._listener(Waiting(f"OVH API: {call}", f"{what} until {until:%H:%M:%S}", seconds, pause=pause))


def _with_query(path: str, query: Mapping[str, str | None]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


@contextmanager
def _no_answer(method: str, path: str) -> Iterator[None]:
    try:
        yield
    except requests.RequestException as error:
        raise OvhUnavailable(
            f"{method} {path}: no answer ({_reason(error)})",
            method=method,
            path=path,
            cause="the network, or the API, failed" + ("" if method == "GET" else "; the call may have been done"),
            next_step="check the connection (and the lab: koprogo-fleet lab status), then run the command again",
        ) from error


def _may_retry(error: BaseException, method: str) -> bool:
    return isinstance(error, OvhRateLimited) or (isinstance(error, OvhUnavailable) and method == "GET")


_backoff = wait_exponential(multiplier=0.5, max=20) + wait_random(0, 0.5)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, OvhRateLimited) and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "timeout"
    innermost: BaseException = error
    while innermost.__context__ is not None:
        innermost = innermost.__context__
    return f"{type(innermost).__name__}: {innermost}"


def _listed(projects: list[str]) -> str:
    return f": {', '.join(projects)}" if projects else ""
