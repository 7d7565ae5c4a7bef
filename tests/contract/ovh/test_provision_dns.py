"""The zone's records at the emulator: those of fleet.yaml, no others, and published once, after the last."""

from __future__ import annotations

from typing import Any

import emulated_balancer
import pytest
import requests
from emulated_balancer import with_balancer
from emulated_cloud import Cloud
from emulated_fleet import FLEET, QUICK, PulledPlugError, provision, the_plan
from network_scene import BALANCER, add_ip_load_balancer

from koprogo_fleet.core.errors import NotConverged, OvhNotFound, OvhRefused
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import dns, floating_ips, instances
from koprogo_fleet.provision.apply import Limits, destroy
from koprogo_fleet.provision.kinds.dns_publication import DNS_PUBLICATION
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import destroy_plan

ZONE = "koprogo.io"
RECORDS = [
    {"name": "api", "type": "A", "target": "first_server"},
    {"name": "*", "type": "CNAME", "target": "api"},
    {"name": "@", "type": "AAAA", "target": "2001:DB8:0::1", "ttl": 600},
    {"name": "@", "type": "TXT", "target": "v=spf1 -all"},
]


def fleet_with(*records: dict[str, Any], servers: int = 1) -> Fleet:
    """Return a fleet of servers alone, with records."""
    cp = FLEET.pools[0].model_dump(mode="json") | {"count": servers, "anti_affinity": False}
    content = FLEET.model_dump(mode="json") | {"pools": [cp], "dns": {"zone": ZONE, "records": list(records)}}
    return Fleet.model_validate(content)


SMALL = fleet_with(*RECORDS)


def stored(cloud: Cloud) -> list[tuple[str, str, str, int]]:
    """Return what is in the zone."""
    return sorted((item.name, item.type, item.target, item.ttl) for item in dns.list_records(cloud.api(), ZONE))


def published(cloud: Cloud) -> list[tuple[str, str]]:
    """Return what name servers answer, the marks left out."""
    answer = requests.get(cloud.url.replace("/1.0", f"/lab/dns/{ZONE}"), timeout=60).json()
    names = ((item["subDomain"], item["fieldType"]) for item in answer)
    return sorted(item for item in names if not item[0].startswith("_unpublished"))


def writes(cloud: Cloud, ending: str = "") -> int:
    """Count the calls that change something."""
    return sum(item["method"] != "GET" and item["path"].endswith(ending) for item in cloud.requests())


def first_address(cloud: Cloud) -> str:
    """Return the public address of the first server."""
    (server,) = instances.list_instances(cloud.api())
    return str(server.public_ipv4)


def test_from_nothing(cloud: Cloud) -> None:
    """All records are stored, published by one refresh, the last of it; a second run writes nothing."""
    provision(cloud, SMALL)

    expected = [
        ("", "AAAA", "2001:db8::1", 600),
        ("", "TXT", "v=spf1 -all", 300),
        ("*", "CNAME", "api.koprogo.io.", 300),
        ("api", "A", first_address(cloud), 300),
    ]
    assert expected == stored(cloud)
    assert [item[:2] for item in expected] == published(cloud)
    assert 1 == writes(cloud, "/refresh")
    before = writes(cloud)
    provision(cloud, SMALL)
    assert before == writes(cloud)


def test_the_plan_says_it(cloud: Cloud) -> None:
    """A plan shows each record and the publication, and an address that is not known by its word."""
    lines = [str(item) for item in the_plan(cloud, SMALL).differences]

    assert [
        "create DNS record A api.koprogo.io: first_server, TTL 300",
        "create DNS record CNAME *.koprogo.io: api.koprogo.io., TTL 300",
        "create DNS record AAAA koprogo.io: 2001:db8::1, TTL 600",
        "create DNS record TXT koprogo.io v=spf1: v=spf1 -all, TTL 300",
        "create publication of DNS zone koprogo.io: after the last record",
    ] == lines[-5:]


def test_drift_by_hand_is_mended(cloud: Cloud) -> None:
    """Another target or TTL is changed in place and published once; a deleted record comes back; others stay."""
    api = cloud.api()
    dns.create_record(api, ZONE, "MX", "", "1 mail.koprogo.io.")
    dns.create_record(api, ZONE, dns.TXT, "", "google-site-verification=x")
    provision(cloud, SMALL)
    good, numbers = stored(cloud), {item.type: item for item in dns.list_records(api, ZONE)}
    dns.change_record(api, numbers["A"], target="203.0.113.99", ttl=300)
    dns.change_record(api, numbers["AAAA"], target="2001:db8::1", ttl=60)
    dns.delete_record(api, ZONE, numbers["CNAME"].id)

    provision(cloud, SMALL)

    assert good == stored(cloud)
    assert 2 == writes(cloud, "/refresh")
    after = {item.type: item.id for item in dns.list_records(api, ZONE)}
    assert (numbers["A"].id, numbers["MX"].id) == (after["A"], after["MX"])
    assert () == the_plan(cloud, SMALL).steps


def test_another_server_takes_the_name_along(cloud: Cloud) -> None:
    """When the first server is replaced, the record follows to its new address in the same run."""
    provision(cloud, SMALL)
    old = first_address(cloud)
    content = SMALL.model_dump(mode="json")
    content["pools"][0]["flavor"] = "b2-30"
    bigger = Fleet.model_validate(content)
    lines = [str(item) for item in the_plan(cloud, bigger).differences]
    assert f"change DNS record A api.koprogo.io: {old}, TTL 300 -> first_server, TTL 300" in lines

    provision(cloud, bigger, confirmed=frozenset({"koprogo-cp-1"}))

    assert ("api", "A", first_address(cloud), 300) in stored(cloud)
    assert () == the_plan(cloud, bigger).steps


def test_the_load_balancers_floating_ip(cloud: Cloud) -> None:
    """A record of the word load_balancer leads to the floating IP, which is made in the same run, and back to it."""
    document = with_balancer().model_dump(mode="json")
    record = {"name": "api", "type": "A", "target": "load_balancer"}
    fleet = Fleet.model_validate(document | {"dns": {"zone": ZONE, "records": [record]}})
    assert "create DNS record A api.koprogo.io: load_balancer, TTL 300" in [
        str(item) for item in emulated_balancer.the_plan(cloud, fleet).differences
    ]

    emulated_balancer.provision(cloud, fleet)

    (floating,) = floating_ips.list_floating_ips(cloud.api(), "GRA11")
    good = [("api", "A", str(floating.ip), 300)]
    assert (good, ()) == (stored(cloud), emulated_balancer.the_plan(cloud, fleet).steps)
    (there,) = dns.list_records(cloud.api(), ZONE)
    dns.change_record(cloud.api(), there, target="203.0.113.99", ttl=300)
    emulated_balancer.provision(cloud, fleet)
    assert good == stored(cloud)


def test_the_classic_load_balancers_address(cloud: Cloud) -> None:
    """With a classic balancer the word leads to its own IPv4 address, which the plan knows before."""
    add_ip_load_balancer(cloud)
    document = SMALL.model_dump(mode="json") | {"load_balancer": {"kind": "ip", "service": BALANCER}}
    document["dns"]["records"] = [{"name": "api", "type": "A", "target": "load_balancer"}]
    fleet = Fleet.model_validate(document)
    assert "create DNS record A api.koprogo.io: 198.51.100.9, TTL 300" in [
        str(item) for item in emulated_balancer.the_plan(cloud, fleet).differences
    ]

    emulated_balancer.provision(cloud, fleet)

    assert ([("api", "A", "198.51.100.9", 300)], ()) == (stored(cloud), emulated_balancer.the_plan(cloud, fleet).steps)


@pytest.mark.sampled(every=7)
@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success"])
@pytest.mark.parametrize(("method", "path"), [("POST", "*/refresh"), ("DELETE", "*/record/*"), ("PUT", "*/record/*")])
def test_lost_answers(cloud: Cloud, method: str, path: str, kind: str) -> None:
    """A refresh, a change and the mark's end whose answers are lost are made again."""
    provision(cloud, SMALL)
    cloud.fault(kind, method, path)
    other = fleet_with(*RECORDS[:3], {**RECORDS[3], "target": "v=spf1 mx -all"})

    provision(cloud, other)

    assert () == the_plan(cloud, other).steps
    assert ("", "TXT", "v=spf1 mx -all", 300) in stored(cloud)


@pytest.mark.parametrize("kind", ["500-html-after-success", "timeout-after-success", "zero-id"])
def test_lost_creation_is_taken_over(cloud: Cloud, kind: str) -> None:
    """Neither the mark nor a record is created twice when the answer to its POST is lost, or has no number."""
    cloud.fault(kind, "POST", "*/record", times=3)

    provision(cloud, SMALL)

    assert 5 == writes(cloud, "/record")
    assert 4 == len(stored(cloud))
    assert () == the_plan(cloud, SMALL).steps


def test_killed_before_the_refresh(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends after the last record has published nothing; the next one refreshes, and does no more."""

    def pull_the_plug(*_: Any) -> None:
        raise PulledPlugError

    with monkeypatch.context() as patch:
        patch.setattr(DNS_PUBLICATION, "create", pull_the_plug)
        with pytest.raises(PulledPlugError):
            provision(cloud, SMALL)
    assert [] == published(cloud)
    plan = [str(item) for item in the_plan(cloud, SMALL).differences]
    assert ["change publication of DNS zone koprogo.io: without an earlier run's changes -> with them"] == plan

    provision(cloud, SMALL)

    assert 4 == len(published(cloud))
    assert 1 == writes(cloud, "/refresh")
    assert () == the_plan(cloud, SMALL).steps


def test_nothing_is_published_when_a_record_fails(cloud: Cloud) -> None:
    """One record that OVH refuses holds the publication back; what was stored waits for the next run."""
    cloud.fault("403", "POST", "*/record", times=1)

    with pytest.raises((OvhRefused, NotConverged)):
        provision(cloud, SMALL)

    assert ([], 0) == (published(cloud), writes(cloud, "/refresh"))
    provision(cloud, SMALL)
    assert 4 == len(published(cloud))


def test_a_foreign_record_beside_a_cname_is_refused(cloud: Cloud) -> None:
    """What is not the fleet's is never deleted: a person makes room for the CNAME."""
    dns.create_record(cloud.api(), ZONE, dns.A, "*", "203.0.113.7")

    with pytest.raises(NotConverged, match="a CNAME stands alone, and there is a record of type A") as caught:
        provision(cloud, SMALL)

    assert "delete the A record * of koprogo.io in the OVH manager" == caught.value.next_step


def test_a_zone_of_somebody_else(cloud: Cloud) -> None:
    """A zone that the account does not have is named, with what to look at."""
    other = Fleet.model_validate(SMALL.model_dump(mode="json") | {"dns": {"zone": "other.example"}})

    with pytest.raises(OvhNotFound) as caught:
        the_plan(cloud, other)

    assert "the zone other.example is not one of this OVH account's" == caught.value.cause


def test_destroy_takes_the_records_and_publishes_that(cloud: Cloud) -> None:
    """The fleet's records go, with one refresh after the last; those of others stay, and are served."""
    dns.create_record(cloud.api(), ZONE, "MX", "", "1 mail.koprogo.io.")
    provision(cloud, SMALL)

    the_end = destroy_plan(observe(cloud.api(), SMALL), SMALL)
    destroy(the_end, cloud.api(), confirmed=frozenset({"koprogo-cp-1"}), limits=Limits(**QUICK))

    assert [("", "MX", "1 mail.koprogo.io.", 0)] == stored(cloud)
    assert [("", "MX")] == published(cloud)
    assert 2 == writes(cloud, "/refresh")
