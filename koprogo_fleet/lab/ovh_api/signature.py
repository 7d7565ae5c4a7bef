"""The check of OVH's request signature, and of an OAuth2 bearer token."""

from __future__ import annotations

import hashlib
import hmac

from werkzeug.wrappers import Request

from koprogo_fleet.lab.ovh_api.errors import ApiError, bad_request
from koprogo_fleet.lab.ovh_api.state import Keys

TOLERANCE = 60
"""Seconds that a time stamp may differ from our clock (OVH does not publish its own limit)."""


def sign(keys: Keys, method: str, url: str, body: str, timestamp: str) -> str:
    """Return the signature of a request: "$1$" and the SHA-1 of its six parts."""
    parts = [keys.application_secret.reveal(), keys.consumer_key.reveal(), method, url, body, timestamp]
    return "$1$" + hashlib.sha1("+".join(parts).encode(), usedforsecurity=False).hexdigest()


def verify(request: Request, keys: Keys, now: float) -> None:
    """
    Let a request pass if it is signed, or carries our bearer token.

    Raises:
        ApiError: 401, 403 or 400, with OVH's messages.
    """
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith("Bearer "):
        if not hmac.compare_digest(authorization.removeprefix("Bearer "), keys.bearer_token.reveal()):
            raise ApiError(401, "Invalid access token")
        return
    application, consumer, timestamp, signature = (
        request.headers.get(f"X-Ovh-{name}", "") for name in ("Application", "Consumer", "Timestamp", "Signature")
    )
    if not application:
        raise ApiError(401, "You must login first")
    if application != keys.application_key:
        raise ApiError(403, "This application key is invalid")
    if not consumer:
        raise ApiError(401, "You must login first")
    if not hmac.compare_digest(consumer, keys.consumer_key.reveal()):
        raise ApiError(403, "This credential is not valid")
    url = f"{request.scheme}://{request.host}{request.environ['REQUEST_URI']}"
    expected = sign(keys, request.method, url, request.get_data(as_text=True), timestamp)
    in_time = timestamp.isdecimal() and abs(int(timestamp) - now) <= TOLERANCE
    if not (in_time and hmac.compare_digest(signature, expected)):
        raise bad_request("Invalid signature")
