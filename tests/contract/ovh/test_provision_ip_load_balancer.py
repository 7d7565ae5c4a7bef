"""A classic IP Load Balancer at the emulator: the fleet's part of it made once, changed in place, mended, and gone."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from emulated_balancer import api_of, destroyed, provision, the_plan
from emulated_cloud import Cloud
from emulated_fleet import FLEET, OBJECTS, PulledPlugError, objects, posts
from network_scene import BALANCER, add_ip_load_balancer

from koprogo_fleet.core.errors import InputError, NotConverged, OvhError
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.lab.ovh_api import owned
from koprogo_fleet.ovh import ip_load_balancer_farms, ip_load_balancer_frontends, ip_load_balancers, vracks
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.ip_load_balancer_farms import NewFarm, NewServer
from koprogo_fleet.ovh.ip_load_balancer_frontends import NewFrontend
from koprogo_fleet.ovh.ip_load_balancers import TCP

WORKERS = ["10.0.0.21", "10.0.0.22"]
CONFIRMED = frozenset({"koprogo-worker-2", "koprogo-worker-3"})


def with_service(workers: int = 2, *, vlan: int = 42, **balancer: Any) -> Fleet:
    """Return the fleet with so many workers behind the classic balancer."""
    document = FLEET.model_dump(mode="json")
    document["pools"][1]["count"] = workers
    document["network"]["vlan"] = vlan
    document["load_balancer"] = {"kind": "ip", "service": BALANCER, **balancer}
    return Fleet.model_validate(document)


BALANCED = with_service()
BALANCED_ON_30081 = BALANCED.model_copy(update={"ingress": BALANCED.ingress.model_copy(update={"http": 30081})})


@pytest.fixture(autouse=True)
def _service(cloud: Cloud) -> None:
    add_ip_load_balancer(cloud)


def differences(cloud: Cloud, fleet: Fleet = BALANCED) -> list[str]:
    """Return the plan as people see it."""
    return [str(difference) for difference in the_plan(cloud, fleet).differences]


def writes(cloud: Cloud, ending: str = "") -> int:
    """Count the calls that change something."""
    return sum(entry["method"] != "GET" and entry["path"].endswith(ending) for entry in cloud.requests())


def live(cloud: Cloud) -> dict[str, list[str]]:
    """Return where each port leads in both zones, by what is in force: address, port and PROXY protocol."""
    with cloud.state.look() as data:
        service = data["ip_load_balancers"][BALANCER]
        (first, second) = service["live"].get("gra"), service["live"].get("sbg")
    assert first == second
    if first is None:
        return {}
    farms = {farm["id"]: farm["fields"] for farm in first["farms"]}
    ways: dict[str, list[str]] = {}
    for frontend in first["frontends"]:
        farm_id = frontend["fields"]["defaultFarmId"]
        ways[frontend["fields"]["port"]] = sorted(
            f"{server['address']}:{farms[farm_id]['port']} {server['fields']['proxyProtocolVersion']}"
            for server in first["servers"]
            if server["farm_id"] == farm_id
        )
    return ways


def ways_to(*workers: str, http: int = 30080, proxy: str | None = None) -> dict[str, list[str]]:
    """Return what has to be in force."""
    return {
        "80": [f"{worker}:{http} {proxy}" for worker in workers],
        "443": [f"{worker}:30443 {proxy}" for worker in workers],
    }


def parts(cloud: Cloud) -> dict[str, int]:
    """Count what is on the service."""
    with cloud.state.look() as data:
        service = data["ip_load_balancers"][BALANCER]
        return {name: len(service[name]) for name in ("networks", "farms", "servers", "frontends")}


WHOLE = {"networks": 1, "farms": 2, "servers": 4, "frontends": 2}


def test_from_nothing(cloud: Cloud) -> None:
    """Both ports lead to every worker through the vRack, watched, in all zones; one refresh puts it in force."""
    assert [
        f"create IP Load Balancer in vRack {BALANCER}: into vRack pn-000001",
        f"create IP Load Balancer koprogo-lb: on {BALANCER}, 80 to 30080 on 2 agents, 443 to 30443 on 2 agents",
    ] == differences(cloud)[-2:]

    provision(cloud, BALANCED)

    api = cloud.api()
    (network,) = ip_load_balancers.list_networks(api, BALANCER)
    farms = ip_load_balancer_farms.list_farms(api, BALANCER, TCP)
    assert (IPv4Network("10.0.0.0/24"), IPv4Network("10.0.0.192/27"), 42) == (
        network.subnet,
        network.nat_ip,
        network.vlan,
    )
    assert {farm.id for farm in farms} == set(network.farm_ids)
    assert {("tcp", 30)} == {
        (farm.wanted.probe.type, farm.wanted.probe.interval) for farm in farms if farm.wanted.probe
    }
    assert ways_to(*WORKERS) == live(cloud)
    assert (WHOLE, OBJECTS) == (parts(cloud), objects(cloud))
    assert (BALANCER,) == vracks.list_ip_load_balancers(api, "pn-000001")
    assert 1 == posts(cloud, "/refresh")


def test_second_run_writes_nothing(cloud: Cloud) -> None:
    """What is as desired is left alone."""
    provision(cloud, BALANCED)
    before = writes(cloud)

    assert [] == differences(cloud)
    provision(cloud, BALANCED)

    assert before == writes(cloud)


CHANGES: list[tuple[Fleet, dict[str, list[str]]]] = [
    (with_service(3), ways_to(*WORKERS, "10.0.0.23")),
    (with_service(1), ways_to(WORKERS[0])),
    (with_service(proxy_protocol="v2"), ways_to(*WORKERS, proxy="v2")),
    (with_service(proxy_protocol="v1"), ways_to(*WORKERS, proxy="v1")),
    (
        with_service(http=8080),
        {"8080": [f"{worker}:30080 None" for worker in WORKERS], "443": ways_to(*WORKERS)["443"]},
    ),
    (
        with_service(http=443, https=80),
        {"443": ways_to(*WORKERS)["80"], "80": ways_to(*WORKERS)["443"]},
    ),
    (BALANCED_ON_30081, ways_to(*WORKERS, http=30081)),
]


@pytest.mark.sampled(every=7)
@pytest.mark.parametrize(("fleet", "expected"), CHANGES)
def test_changed_in_place(cloud: Cloud, fleet: Fleet, expected: dict[str, list[str]]) -> None:
    """Workers, the PROXY protocol and ports change on the same farms and frontends, with one refresh, and back."""
    provision(cloud, BALANCED)

    provision(cloud, fleet, confirmed=CONFIRMED)
    assert (expected, 2) == (live(cloud), posts(cloud, "/refresh"))
    assert (2, 2) == (posts(cloud, "/tcp/farm"), posts(cloud, "/tcp/frontend"))
    assert [] == differences(cloud, fleet)

    provision(cloud, BALANCED, confirmed=CONFIRMED)
    assert (ways_to(*WORKERS), WHOLE) == (live(cloud), parts(cloud))
    assert (2, 2, 3) == (posts(cloud, "/tcp/farm"), posts(cloud, "/tcp/frontend"), posts(cloud, "/refresh"))
    assert [] == differences(cloud)


def test_an_agent_leaves_before_its_instance(cloud: Cloud) -> None:
    """That the balancer sends nothing to it any more is in force before the instance is deleted."""
    provision(cloud, BALANCED)
    before = len(cloud.requests())

    provision(cloud, with_service(1), confirmed=CONFIRMED)

    calls = [(entry["method"], entry["path"]) for entry in cloud.requests()[before:]]
    refresh = calls.index(("POST", f"/ipLoadbalancing/{BALANCER}/refresh"))
    (instance,) = [index for index, (method, path) in enumerate(calls) if method == "DELETE" and "/instance/" in path]
    done = max(index for index, (_, path) in enumerate(calls) if "/task/" in path and "ipLoad" in path)
    assert refresh < done < instance


def test_another_network(cloud: Cloud) -> None:
    """A private network that a person made with another VLAN under the fleet's name is replaced; its farms move."""
    api = cloud.api()
    provision(cloud, BALANCED)
    with cloud.state.change() as data:
        (network,) = data["ip_load_balancers"][BALANCER]["networks"].values()
        network["vlan"] = 7

    provision(cloud, BALANCED)

    (now,) = ip_load_balancers.list_networks(api, BALANCER)
    assert (42, 2) == (now.vlan, len(now.farm_ids))
    assert (ways_to(*WORKERS), []) == (live(cloud), differences(cloud))


def _farm_id(api: OvhApi) -> int:
    return ip_load_balancer_farms.list_farms(api, BALANCER, TCP)[0].id


def _server(api: OvhApi) -> ip_load_balancer_farms.Server:
    return ip_load_balancer_farms.list_servers(api, BALANCER, TCP, _farm_id(api))[0]


def _frontend(api: OvhApi) -> ip_load_balancer_frontends.Frontend:
    return ip_load_balancer_frontends.list_frontends(api, BALANCER, TCP)[0]


def _without_farm(api: OvhApi) -> None:
    frontend = _frontend(api)
    ip_load_balancer_frontends.delete_frontend(api, BALANCER, TCP, frontend.id)
    assert frontend.wanted.farm_id is not None
    ip_load_balancer_farms.delete_farm(api, BALANCER, TCP, frontend.wanted.farm_id)


DRIFTS: list[Callable[[OvhApi], object]] = [
    lambda api: ip_load_balancer_farms.delete_server(api, BALANCER, TCP, _farm_id(api), _server(api).id),
    lambda api: ip_load_balancer_farms.create_server(
        api, BALANCER, TCP, _farm_id(api), NewServer("stranger", IPv4Address("10.0.0.99"))
    ),
    lambda api: ip_load_balancer_farms.create_server(
        api, BALANCER, TCP, _farm_id(api), NewServer("twin", IPv4Address(WORKERS[0]))
    ),
    lambda api: ip_load_balancer_farms.change_server(
        api, BALANCER, TCP, _farm_id(api), _server(api).id, NewServer("x", IPv4Address(WORKERS[0]), is_active=False)
    ),
    lambda api: ip_load_balancer_farms.change_farm(
        api, BALANCER, TCP, _farm_id(api), NewFarm("koprogo-lb-http", "all", 1, balance="source")
    ),
    lambda api: ip_load_balancer_farms.create_farm(api, BALANCER, TCP, NewFarm("koprogo-lb-http", "all", 1)),
    lambda api: ip_load_balancer_frontends.delete_frontend(api, BALANCER, TCP, _frontend(api).id),
    lambda api: ip_load_balancer_frontends.change_frontend(
        api, BALANCER, TCP, _frontend(api).id, NewFrontend("koprogo-lb-http", "gra", "81", is_disabled=True)
    ),
    lambda api: ip_load_balancer_frontends.create_frontend(
        api, BALANCER, TCP, NewFrontend("koprogo-lb-old", "all", "8000", _farm_id(api))
    ),
    _without_farm,
]


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_mended(cloud: Cloud, drift: Callable[[OvhApi], object]) -> None:
    """What a person changed by hand is a difference, and put right."""
    provision(cloud, BALANCED)
    drift(cloud.api())
    assert [] != differences(cloud)

    provision(cloud, BALANCED)

    assert [] == differences(cloud)
    assert (ways_to(*WORKERS), WHOLE) == (live(cloud), parts(cloud))


def others_part(cloud: Cloud) -> int:
    """Put somebody else's farm with a server and a frontend on the service; return the farm's id."""
    api = cloud.api()
    farm = ip_load_balancer_farms.create_farm(api, BALANCER, TCP, NewFarm("mail", "gra", 25))
    ip_load_balancer_farms.create_server(api, BALANCER, TCP, farm.id, NewServer("mx", IPv4Address("203.0.113.7")))
    ip_load_balancer_frontends.create_frontend(api, BALANCER, TCP, NewFrontend("mail", "gra", "25,587", farm.id))
    return farm.id


def test_destroy_leaves_other_peoples_parts(cloud: Cloud) -> None:
    """The fleet's parts go before its instances, and that is in force; others', and the service in its vRack, stay."""
    farm_id = others_part(cloud)
    provision(cloud, BALANCED)
    assert {"networks": 1, "farms": 3, "servers": 5, "frontends": 3} == parts(cloud)
    before = len(cloud.requests())
    with cloud.state.look() as data:
        agents = [key for key, instance in data["instances"].items() if "-worker-" in instance["name"]]

    destroyed(cloud, BALANCED)

    assert {"networks": 0, "farms": 1, "servers": 1, "frontends": 1} == parts(cloud)
    assert (farm_id,) == tuple(farm.id for farm in ip_load_balancer_farms.list_farms(cloud.api(), BALANCER, TCP))
    assert {} == ip_load_balancers.list_pending_changes(cloud.api(), BALANCER)
    assert (BALANCER,) == vracks.list_ip_load_balancers(cloud.api(), "pn-000001")
    calls = [(entry["method"], entry["path"]) for entry in cloud.requests()[before:]]
    deleted = [
        index for index, (method, path) in enumerate(calls) if method == "DELETE" and path.endswith(tuple(agents))
    ]
    assert calls.index(("POST", f"/ipLoadbalancing/{BALANCER}/refresh")) < min(deleted)
    assert dict.fromkeys(OBJECTS, 0) == objects(cloud)


@pytest.mark.parametrize("ports", ["80", "8,70-90"])
def test_a_port_that_somebody_has(cloud: Cloud, ports: str) -> None:
    """A frontend of others' on a port of the fleet's is not taken away: a person decides, and nothing was done."""
    ip_load_balancer_frontends.create_frontend(cloud.api(), BALANCER, TCP, NewFrontend("shop", "gra", ports))
    before = writes(cloud)

    with pytest.raises(NotConverged, match="port 80 of the fleet"):
        provision(cloud, BALANCED)

    assert before == writes(cloud)


def test_without_the_service(cloud: Cloud) -> None:
    """A service that the account does not have is told before anything is done."""
    with pytest.raises(InputError, match="the account has no IP Load Balancer loadbalancer-x"):
        provision(cloud, with_service(service="loadbalancer-x"))

    assert 0 == writes(cloud)


def test_in_another_vrack(cloud: Cloud) -> None:
    """A service is not moved from one vRack to another: a person decides."""
    owned.add_vrack(cloud.state, "pn-000002")
    with cloud.state.change() as data:
        data["ip_load_balancers"][BALANCER]["vrack"] = "pn-000002"

    with pytest.raises(NotConverged, match="vRack pn-000002"):
        provision(cloud, BALANCED)


PARTS = ["*/vrack/network", "*/tcp/farm", "*/server", "*/tcp/frontend", "*/refresh"]


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success", "timeout-after-success"])
@pytest.mark.parametrize("path", PARTS)
def test_lost_answer_to_a_creation(cloud: Cloud, path: str, kind: str) -> None:
    """A part whose answer is lost is looked for, and neither missing nor there twice."""
    cloud.fault(kind, "POST", path)

    provision(cloud, BALANCED)

    assert (ways_to(*WORKERS), WHOLE) == (live(cloud), parts(cloud))
    assert [] == differences(cloud)


@pytest.mark.sampled(every=7)
@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success"])
@pytest.mark.parametrize(
    "call", [("PUT", "*/server/*"), ("PUT", "*/farm/*"), ("DELETE", "*/server/*"), ("PUT", "*/frontend/*")]
)
def test_lost_answer_to_a_change(cloud: Cloud, call: tuple[str, str], kind: str) -> None:
    """A change whose answer is lost is made."""
    provision(cloud, BALANCED)
    cloud.fault(kind, *call)
    document = BALANCED_ON_30081.model_dump(mode="json")
    document["load_balancer"] |= {"proxy_protocol": "v2", "https": 8443}
    document["pools"][1]["count"] = 1
    fleet = Fleet.model_validate(document)

    provision(cloud, fleet, confirmed=CONFIRMED)

    assert [] == differences(cloud, fleet)
    assert {"80": ["10.0.0.21:30081 v2"], "8443": ["10.0.0.21:30443 v2"]} == live(cloud)


def test_no_answer_at_all(cloud: Cloud) -> None:
    """A part that cannot be made ends the run with what was seen, soon; the next run goes on."""
    cloud.fault("500-html", "POST", "*/server", times=9)

    with pytest.raises(OvhError, match="server: 502"):
        provision(cloud, BALANCED)
    assert {} == live(cloud)
    with cloud.state.change() as data:
        data["faults"].clear()
    provision(cloud, BALANCED)

    assert (ways_to(*WORKERS), WHOLE) == (live(cloud), parts(cloud))


def test_failed_refresh(cloud: Cloud) -> None:
    """A refresh that OVH could not carry out is an error, and due in the next run."""
    cloud.fault("in-error", "POST", "*/refresh")

    with pytest.raises(OvhError, match="refreshIplb"):
        provision(cloud, BALANCED)
    assert ["change IP Load Balancer koprogo-lb: 8 changes wait for a refresh -> in force"] == differences(cloud)
    provision(cloud, BALANCED)

    assert ways_to(*WORKERS) == live(cloud)


def kill_after(count: int, patch: pytest.MonkeyPatch) -> None:
    """End a run when it is about to make its next change of the service, after *count* of them."""
    left = iter(range(count))

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(api: OvhApi, path: str, *body: Any) -> Any:
            if path.startswith("/ipLoadbalancing/") and next(left, None) is None:
                raise PulledPlugError
            return real(api, path, *body)

        return call

    for method in ("post", "put", "delete"):
        patch.setattr(OvhApi, method, guarded(getattr(OvhApi, method)))


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("count", range(sum(WHOLE.values()) + 1))
def test_killed_at_every_moment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A run that is killed after any change, the last one too, is finished by the next, and nothing is there twice."""
    with monkeypatch.context() as patch:
        kill_after(count, patch)
        with pytest.raises(PulledPlugError):
            provision(cloud, BALANCED)
    assert {} == live(cloud)

    provision(cloud, BALANCED)

    assert (ways_to(*WORKERS), WHOLE) == (live(cloud), parts(cloud))
    assert (1, []) == (posts(cloud, "/refresh"), differences(cloud))


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("count", range(6))
def test_destroy_killed_at_every_moment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A destruction that is killed in the middle leaves what tells the next one that a refresh is due."""
    provision(cloud, BALANCED)
    with monkeypatch.context() as patch:
        kill_after(count, patch)
        with pytest.raises(PulledPlugError):
            destroyed(cloud, BALANCED)

    destroyed(cloud, BALANCED)

    assert (dict.fromkeys(WHOLE, 0), {}) == (parts(cloud), live(cloud))
    assert {} == ip_load_balancers.list_pending_changes(api_of(cloud), BALANCER)
