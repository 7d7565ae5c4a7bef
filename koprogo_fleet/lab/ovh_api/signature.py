"""The check of OVH's request signature, and of an OAuth2 bearer token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from werkzeug.wrappers import Request

from koprogo_fleet.lab.ovh_api.errors import ApiError, bad_request
from koprogo_fleet.lab.ovh_api.grants import VALIDATED, status_of
from koprogo_fleet.lab.ovh_api.state import Keys, Record

TOLERANCE = 60
"""Seconds that a time stamp may differ from our clock (OVH does not publish its own limit)."""


def sign(keys: Keys, method: str, url: str, body: str, timestamp: str, consumer: str | None = None) -> str:  # noqa: PLR0913, PLR0917 - its six parts
    """Return the signature of a request: "$1$" and the SHA-1 of its six parts; *consumer* is another consumer key."""
    consumer = keys.consumer_key.reveal() if consumer is None else consumer
    parts = [keys.application_secret.reveal(), consumer, method, url, body, timestamp]
    return "$1$" + hashlib.sha1("+".join(parts).encode(), usedforsecurity=False).hexdigest()


def verify_application(request: Request, keys: Keys) -> None:
    """
    Let a request pass that names our application.

    Raises:
        ApiError: 401, 403, with OVH's messages.
    """
    application = request.headers.get("X-Ovh-Application", "")
    if not application:
        raise ApiError(401, "You must login first")
    if application != keys.application_key:
        raise ApiError(403, "This application key is invalid")


def verify(request: Request, keys: Keys, asked_for: Mapping[str, Record], now: float) -> Record | None:
    """
    Let a request pass if it is signed, or carries our bearer token.

    Args:
        request: what came.
        keys: the credentials that may do everything.
        asked_for: the consumer keys that were asked for, by themselves.
        now: our clock.

    Returns:
        the consumer key's record, or None for the credentials that may do everything.

    Raises:
        ApiError: 401, 403 or 400, with OVH's messages.
    """
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith("Bearer "):
        if not hmac.compare_digest(authorization.removeprefix("Bearer "), keys.bearer_token.reveal()):
            raise ApiError(401, "Invalid access token")
        return None
    verify_application(request, keys)
    consumer, timestamp, signature = (
        request.headers.get(f"X-Ovh-{name}", "") for name in ("Consumer", "Timestamp", "Signature")
    )
    if not consumer:
        raise ApiError(401, "You must login first")
    is_ours = hmac.compare_digest(consumer, keys.consumer_key.reveal())
    record = None if is_ours else asked_for.get(consumer)
    if not is_ours and (record is None or status_of(record, now) != VALIDATED):
        raise ApiError(403, "This credential is not valid")
    url = f"{request.scheme}://{request.host}{request.environ['REQUEST_URI']}"
    expected = sign(keys, request.method, url, request.get_data(as_text=True), timestamp, consumer)
    in_time = timestamp.isdecimal() and abs(int(timestamp) - now) <= TOLERANCE
    if not (in_time and hmac.compare_digest(signature, expected)):
        raise bad_request("Invalid signature")
    return record
