"""DNS zones: our adapter and python-ovh against the emulator."""

from __future__ import annotations

import ovh.exceptions
import pytest
import python_ovh
import requests
from emulated_cloud import Cloud

from koprogo_fleet.core.errors import OvhConflict, OvhError, OvhNotFound
from koprogo_fleet.ovh import dns

ZONE = "koprogo.io"
RECORD = {"id": int, "zone": str, "subDomain": str, "fieldType": str, "target": str, "ttl": int}


def answered(cloud: Cloud) -> dict[str, str]:
    """Return what the zone's name servers answer, by name."""
    url = cloud.url.replace("/1.0", f"/lab/dns/{ZONE}")
    return {item["subDomain"]: item["target"] for item in requests.get(url, timeout=60).json()}


def test_dns_record_life(cloud: Cloud) -> None:
    """A record is created, listed, changed and deleted; lists can be narrowed to a type, a name, or the apex."""
    api = cloud.api()
    api_record = dns.create_record(api, ZONE, dns.A, "api", "203.0.113.7", ttl=300)
    apex = dns.create_record(api, ZONE, dns.AAAA, dns.APEX, "2001:db8::7")
    wildcard = dns.create_record(api, ZONE, dns.CNAME, "*", "api.koprogo.io.")

    assert (ZONE,) == dns.list_zones(api)
    assert (api_record, apex, wildcard) == dns.list_records(api, ZONE)
    assert (api_record,) == dns.list_records(api, ZONE, kind=dns.A)
    assert (apex,) == dns.list_records(api, ZONE, name=dns.APEX)
    dns.change_record(api, api_record, target="203.0.113.8", ttl=60)
    changed = dns.get_record(api, ZONE, api_record.id)
    assert ("203.0.113.8", 60) == (changed.target, changed.ttl)
    dns.delete_record(api, ZONE, wildcard.id)
    with pytest.raises(OvhNotFound):
        dns.get_record(api, ZONE, wildcard.id)


def test_dns_changes_need_a_refresh(cloud: Cloud) -> None:
    """Nobody sees a new, changed or deleted record before the zone is refreshed."""
    api = cloud.api()
    record = dns.create_record(api, ZONE, dns.A, "api", "203.0.113.7")
    assert {} == answered(cloud)

    dns.refresh_zone(api, ZONE)
    assert {"api": "203.0.113.7"} == answered(cloud)

    dns.change_record(api, record, target="203.0.113.8")
    assert {"api": "203.0.113.7"} == answered(cloud)
    dns.refresh_zone(api, ZONE)
    dns.delete_record(api, ZONE, record.id)
    assert {"api": "203.0.113.8"} == answered(cloud)


@pytest.mark.parametrize(("first", "second"), [(dns.A, dns.CNAME), (dns.CNAME, dns.TXT), (dns.CNAME, dns.CNAME)])
def test_dns_cname_stands_alone(cloud: Cloud, first: str, second: str) -> None:
    """A CNAME and any other record of the same name are a conflict, whichever came first."""
    api = cloud.api()
    target = {dns.A: "203.0.113.7"}
    dns.create_record(api, ZONE, first, "api", target.get(first, "other.koprogo.io."))

    with pytest.raises(OvhConflict, match="CNAME cannot coexist"):
        dns.create_record(api, ZONE, second, "api", target.get(second, "third.koprogo.io."))
    assert 1 == len(dns.list_records(api, ZONE))


def test_dns_text_comes_back_bare(cloud: Cloud) -> None:
    """The quotes that the API puts around a text are not seen: what was sent is what is read."""
    api = cloud.api()

    created = dns.create_record(api, ZONE, dns.TXT, "_owner", "fleet=koprogo")

    assert "fleet=koprogo" == created.target
    assert '"fleet=koprogo"' == api.get(f"/domain/zone/{ZONE}/record/{created.id}")["target"]


@pytest.mark.parametrize(
    ("kind", "target", "ttl"), [("A", "2001:db8::1", 0), ("AAAA", "203.0.113.7", 0), ("A", "203.0.113.7", 59)]
)
def test_dns_refuses_nonsense(cloud: Cloud, kind: str, target: str, ttl: int) -> None:
    """An address of the other family, or a TTL below a minute, is refused."""
    with pytest.raises(OvhError) as caught:
        dns.create_record(cloud.api(), ZONE, kind, "api", target, ttl=ttl)

    assert 400 == caught.value.status


def test_dns_creation_without_a_number(cloud: Cloud) -> None:
    """When the answer's number is 0, as OVH's sometimes is, the newest such record is found."""
    api = cloud.api()
    dns.create_record(api, ZONE, dns.A, "api", "203.0.113.7")
    cloud.fault("zero-id", "POST", "*/record")

    created = dns.create_record(api, ZONE, dns.A, "api", "203.0.113.7")

    assert created == max(dns.list_records(api, ZONE), key=lambda record: record.id)
    assert 2 == len(dns.list_records(api, ZONE))


def test_dns_record_that_never_shows(cloud: Cloud) -> None:
    """A record that was said to be created, without a number, and is not in the zone, is an error that names it."""
    cloud.fault("lost-record", "POST", "*/record")

    with pytest.raises(OvhNotFound, match=r"the A record api of koprogo\.io was created, but does not show"):
        dns.create_record(cloud.api(), ZONE, dns.A, "api", "203.0.113.9")


def test_dns_by_python_ovh(cloud: Cloud) -> None:
    """OVH's own client works with every DNS route, and each answer has exactly the schema's fields."""
    client = python_ovh.client(cloud)
    record = client.post(f"/domain/zone/{ZONE}/record", fieldType="A", subDomain="api", target="203.0.113.7")
    number = record["id"]

    python_ovh.check(record, RECORD)
    python_ovh.check(client.get(f"/domain/zone/{ZONE}/record/{number}"), RECORD)
    assert [ZONE] == client.get("/domain/zone")
    zone = {"name": str, "nameServers": [str], "dnssecSupported": bool, "hasDnsAnycast": bool, "lastUpdate": str}
    python_ovh.check(client.get(f"/domain/zone/{ZONE}"), {**zone, "iam": dict})
    assert [number] == client.get(f"/domain/zone/{ZONE}/record", fieldType="A", subDomain="api")
    assert [] == client.get(f"/domain/zone/{ZONE}/record", subDomain="")
    assert client.put(f"/domain/zone/{ZONE}/record/{number}", ttl=60) is None
    with pytest.raises(ovh.exceptions.BadParametersError, match="Unknown parameter fieldType"):
        client.put(f"/domain/zone/{ZONE}/record/{number}", fieldType="TXT")
    assert client.post(f"/domain/zone/{ZONE}/refresh") is None
    assert client.delete(f"/domain/zone/{ZONE}/record/{number}") is None
    with pytest.raises(ovh.exceptions.ResourceNotFoundError):
        client.get("/domain/zone/other.example/record")
