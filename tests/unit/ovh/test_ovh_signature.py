"""The signature, against the vectors of OVH's own SDK tests."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.ovh_api.signature import sign
from koprogo_fleet.lab.ovh_api.state import Keys

KEYS = Keys(
    application_key="TDPKJdwZwAQPwKX2",
    application_secret=Secret("9ufkBmLaTQ9nz5yMUlg79taH0GNnzDjk"),
    consumer_key=Secret("5mBuy6SUQcRw2ZUxg0cG68BoDKpED4KY"),
    client_id="",
    client_secret=Secret(""),
    project_id="",
)
BODY = '{"a":"b","c":"d"}'


@pytest.mark.parametrize(
    ("method", "path", "body", "signature"),
    [
        ("GET", "/1.0/auth", "", "$1$e9556054b6309771395efa467c22e627407461ad"),
        ("POST", "/1.0/auth", BODY, "$1$ec2fb5c7a81f64723c77d2e5b609ae6f58a84fc1"),
        ("PUT", "/1.0/auth", BODY, "$1$8a75a9e7c8e7296c9dbeda6a2a735eb6bd58ec4b"),
        ("DELETE", "/1.0/auth", "", "$1$a1eecd00b3b02b6cf5708b84b9ff42059a950d85"),
        ("GET", "/1.0/call", "", "$1$7f2db49253edfc41891023fcd1a54cf61db05fbb"),
        ("GET", "/v1/call", "", "$1$e6e7906d385eb28adcbfbe6b66c1528a42d741ad"),
    ],
)
def test_vectors(method: str, path: str, body: str, signature: str) -> None:
    """The emulator computes what OVH computes."""
    assert signature == sign(KEYS, method, f"https://eu.api.ovh.com{path}", body, "1457018875")
