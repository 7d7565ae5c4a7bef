"""Records that cannot be served, and their sentences."""

from __future__ import annotations

from typing import Any

import pytest

from koprogo_fleet.core.dns_contradictions import dns_contradictions, text_tag
from koprogo_fleet.core.sections import Dns

GOOD = [("api", "A", "first_server"), ("*", "CNAME", "api"), ("@", "TXT", "v=spf1 -all"), ("@", "TXT", "a=b")]


def found(*records: tuple[str, str, str], **facts: Any) -> list[str]:
    """Return the mistakes of a zone with these records."""
    items = [{"name": name, "type": kind, "target": target} for name, kind, target in records]
    dns = Dns.model_validate({"zone": "koprogo.io", "records": items})
    return [mistake.message for mistake in dns_contradictions(dns, **facts)]


def test_good_records() -> None:
    """Words, names, several texts of a name and a fleet without DNS are no mistakes."""
    assert [] == found(*GOOD)
    assert [] == list(dns_contradictions(None))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (("api", "A", "2001:db8::1"), '"2001:db8::1" is no IPv4 address, nor load_balancer or first_server'),
        (("api", "AAAA", "203.0.113.7"), '"203.0.113.7" is no IPv6 address'),
        (("api", "AAAA", "first_server"), "first_server is an IPv4 address, which needs type A"),
        (("api", "CNAME", "first_server"), "first_server is an IPv4 address, which needs type A"),
        (("api", "CNAME", "203.0.113.7"), "a CNAME leads to a name, not to the address"),
        (("api", "CNAME", "api"), "CNAME record api: it leads to itself"),
        (("@", "CNAME", "api"), "the zone itself has other records"),
        (("api", "A", "load_balancer"), "there is no load balancer in this fleet.yaml"),
    ],
)
def test_targets_that_do_not_fit(record: tuple[str, str, str], message: str) -> None:
    """Each target that its record's type cannot have is one mistake, which says why."""
    (mistake,) = found(record)

    assert message in mistake


def test_a_load_balancer_can_be_named_where_there_is_one() -> None:
    """The word is refused only as long as nothing stands behind it."""
    assert [] == found(("api", "A", "load_balancer"), load_balancer=True)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (("api", "A", "203.0.113.8"), "two A records have the name api"),
        (("api", "CNAME", "www"), "a CNAME stands alone: api has a record of type A and one of type CNAME"),
    ],
)
def test_records_that_exclude_each_other(second: tuple[str, str, str], message: str) -> None:
    """A second record of a name and type, and a CNAME beside any other, are mistakes."""
    assert [message] == found(("api", "A", "203.0.113.7"), second)


def test_what_a_text_is_known_by() -> None:
    """Of SPF and DMARC a name has one; any other text is itself."""
    assert ["v=spf1", "v=DMARC1", "google-site-verification=x"] == [
        text_tag("v=spf1 mx -all"),
        text_tag("v=DMARC1; p=none"),
        text_tag("google-site-verification=x"),
    ]
    assert ["two TXT records have the name @"] == found(("@", "TXT", "v=spf1 -all"), ("@", "TXT", "v=spf1 mx -all"))
