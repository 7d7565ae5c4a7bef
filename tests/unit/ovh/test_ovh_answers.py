"""From a response to its JSON or its error."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests

from koprogo_fleet.core.errors import (
    OvhConflict,
    OvhError,
    OvhNotFound,
    OvhRateLimited,
    OvhRefused,
    OvhUnavailable,
)
from koprogo_fleet.ovh.answers import decode


def response(status: int, body: str = "", **headers: str) -> requests.Response:
    """Return a response as it comes off the wire."""
    made = requests.Response()
    made.status_code = status
    made._content = body.encode()  # noqa: SLF001 - requests offers no other way to build one
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    made.reason = "Reason"
    return made


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, OvhError),
        (401, OvhRefused),
        (403, OvhRefused),
        (404, OvhNotFound),
        (408, OvhUnavailable),
        (409, OvhConflict),
        (429, OvhRateLimited),
        (460, OvhNotFound),
        (500, OvhUnavailable),
        (503, OvhUnavailable),
    ],
)
@pytest.mark.parametrize("body", ['{"class": "Client::X", "message": "No way"}', "<html>No way</html>"])
def test_status_to_class(status: int, kind: type[OvhError], body: str) -> None:
    """Each status has its class, with the message and the query id, whether the body is JSON or HTML."""
    with pytest.raises(OvhError, match="No way") as caught:
        decode(response(status, body, X_OVH_QUERYID="FR.test1"), "GET", "/me")

    assert kind is type(caught.value)
    assert (status, "FR.test1", "GET", "/me") == (
        caught.value.status,
        caught.value.query_id,
        caught.value.method,
        caught.value.path,
    )


@pytest.mark.parametrize(("body", "expected"), [("null", None), ("42", 42), ('{"a": []}', {"a": []})])
def test_success(body: str, expected: Any) -> None:
    """A success gives its JSON."""
    assert expected == decode(response(200, body), "GET", "/auth/time")


def test_empty_success() -> None:
    """An empty answer is one only where nothing is to be said; anywhere else it was lost on its way."""
    assert decode(response(204, ""), "DELETE", "/me", void=True) is None
    with pytest.raises(OvhUnavailable, match=r"204 .*empty"):
        decode(response(204, ""), "GET", "/me")


def test_success_that_is_not_json() -> None:
    """A 200 with a captive portal's page is no success."""
    with pytest.raises(OvhUnavailable, match="not JSON but '<html>"):
        decode(response(200, "<html>Log in</html>"), "GET", "/me")


def test_iam_actions_are_named() -> None:
    """A refusal by IAM names the actions that lack."""
    details = {"unauthorizedActionsByIAM": "publicCloudProject:apiovh:instance/create"}
    body = json.dumps({"class": "Client::Forbidden", "message": "Denied", "details": details})

    with pytest.raises(OvhRefused) as caught:
        decode(response(403, body), "POST", "/cloud/project/x/instance")

    assert "publicCloudProject:apiovh:instance/create" in (caught.value.cause or "")


@pytest.mark.parametrize(
    ("header", "at_least", "at_most"),
    [
        ("7", 7, 7),
        (format_datetime(datetime.now(tz=UTC) + timedelta(hours=1), usegmt=True), 1800, 3600),
        (format_datetime(datetime.now(tz=UTC) - timedelta(seconds=30), usegmt=True), 0, 0),
    ],
    ids=["seconds", "a time to come", "a time gone by"],
)
def test_retry_after(header: str, at_least: float, at_most: float) -> None:
    """Retry-After is read as seconds and as a date, and is never negative."""
    with pytest.raises(OvhRateLimited) as caught:
        decode(response(429, "{}", Retry_After=header), "GET", "/me")

    assert caught.value.retry_after is not None
    assert at_least <= caught.value.retry_after <= at_most


def test_unreadable_retry_after() -> None:
    """A Retry-After that means nothing is ignored."""
    with pytest.raises(OvhRateLimited) as caught:
        decode(response(429, "{}", Retry_After="soon"), "GET", "/me")

    assert caught.value.retry_after is None
