"""From an HTTP response to its JSON, or to the typed error that explains it. Nothing is lost when it is not JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import requests

from koprogo_fleet.core.errors import (
    OvhConflict,
    OvhError,
    OvhNotFound,
    OvhRateLimited,
    OvhRefused,
    OvhUnavailable,
)

INVALID_SIGNATURE = "invalid signature"
_EXPIRED = 460  # OVH's own status: the service has expired


class _Explanation(NamedTuple):
    cause: str
    next_step: str


_BY_MESSAGE: dict[str, _Explanation] = {
    "this application key is invalid": _Explanation(
        "the endpoint does not know this application key; a key belongs to one endpoint (ovh-eu, ovh-ca, ovh-us)",
        "check OVH_APPLICATION_KEY and OVH_ENDPOINT; make a key at https://api.ovh.com/createToken/",
    ),
    "this credential is not valid": _Explanation(
        "the consumer key is unknown, has expired, or was never validated in the browser",
        "check OVH_CONSUMER_KEY; make one: koprogo-fleet auth ovh --new",
    ),
    "this call has not been granted": _Explanation(
        "the consumer key was made without the right for this call",
        "make a consumer key with the rights that are needed: koprogo-fleet auth ovh --new",
    ),
    INVALID_SIGNATURE: _Explanation(
        "the application secret does not belong to the application key (the clock was read again, and is not it)",
        "check OVH_APPLICATION_SECRET",
    ),
    "you must login first": _Explanation(
        "the request carried no credentials that the endpoint accepts", "check OVH_CONSUMER_KEY"
    ),
}


def decode(response: requests.Response, method: str, path: str, *, void: bool = False) -> Any:
    """
    Return the JSON of a successful answer; where the call is *void*, one without a body is None.

    Raises:
        OvhRefused: 401, 403.
        OvhNotFound: 404, 460.
        OvhConflict: 409.
        OvhRateLimited: 429, with ``retry_after`` in seconds where the answer says it.
        OvhUnavailable: 408, 5xx, or a success that is not JSON, or empty although it should say something.
        OvhError: any other status.
    """
    try:
        body = response.json() if response.content else None
        is_json = True
    except json.JSONDecodeError:
        body, is_json = None, False
    if response.ok and is_json and (response.content or void):
        return body
    message = _message(body) if is_json else ""
    seen = f"{method} {path}: {response.status_code} {message or _readable(response)}"
    query_id = response.headers.get("X-OVH-QUERYID")
    if query_id:
        seen += f" (query id {query_id})"
    explanation = _explain(message, body, response.status_code)
    error = _class_for(response)(
        seen,
        method=method,
        path=path,
        status=response.status_code,
        query_id=query_id,
        cause=explanation.cause if explanation else None,
        next_step=explanation.next_step if explanation else None,
    )
    if isinstance(error, OvhRateLimited):
        error.retry_after = _retry_after(response.headers.get("Retry-After"))
    raise error


def is_invalid_signature(error: OvhError) -> bool:
    """Whether the API refused the signature, as it does when the clocks differ."""
    return error.status == HTTPStatus.BAD_REQUEST and INVALID_SIGNATURE in error.seen.lower()


def _class_for(response: requests.Response) -> type[OvhError]:
    status = response.status_code
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return OvhRefused
    if status in (HTTPStatus.NOT_FOUND, _EXPIRED):
        return OvhNotFound
    if status == HTTPStatus.CONFLICT:
        return OvhConflict
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return OvhRateLimited
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT or response.ok:
        return OvhUnavailable
    return OvhError


def _message(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    return str(body.get("message") or body.get("error_description") or body.get("error") or "")


def _readable(response: requests.Response) -> str:
    text = " ".join(response.text[:200].split())
    return f"{response.reason or 'no reason given'}, and not JSON but {text!r}" if text else f"{response.reason}, empty"


def _explain(message: str, body: Any, status: int) -> _Explanation | None:
    details = body.get("details") if isinstance(body, dict) else None
    if isinstance(details, dict) and (actions := details.get("unauthorizedActionsByIAM")):
        return _Explanation(
            f"no IAM policy allows it: {actions}", "add these actions to the policy of the service account"
        )
    for known, explanation in _BY_MESSAGE.items():
        if known in message.lower():
            return explanation
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _Explanation("the OVH API or a proxy before it failed", "run the command again")
    return None


def _retry_after(value: str | None) -> float | None:
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(tz=UTC)).total_seconds())
