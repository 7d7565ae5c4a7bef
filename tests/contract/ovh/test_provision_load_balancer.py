"""A gateway and a load balancer for the fleet at the emulator: made once, changed in place, mended, and gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from emulated_balancer import AROUND, around, destroyed, provision, the_balancer, the_plan, ways, with_balancer
from emulated_cloud import Cloud
from emulated_fleet import FLEET, OBJECTS, objects, posts
from network_scene import settled

from koprogo_fleet.core.errors import InputError, NotConverged, OvhUnavailable
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import floating_ips, gateways, load_balancer_listeners, load_balancer_pools, load_balancers
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.instances import list_instances
from koprogo_fleet.ovh.load_balancer_parts import NewListener, NewMember, NewPool
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import orphans

BALANCED = with_balancer()
ALL = dict(zip(AROUND, (1, 1, 1, 2, 2, 4, 2), strict=True))
NONE = dict.fromkeys(AROUND, 0)
WORKERS = ["10.0.0.21", "10.0.0.22"]
REGION = "GRA11"


def workers_on(port: int, *workers: str) -> list[str]:
    """Return the members of a pool on these workers."""
    return [f"{worker}:{port}" for worker in workers or WORKERS]


def writes(cloud: Cloud) -> int:
    """Count the calls that change something."""
    return sum(entry["method"] != "GET" for entry in cloud.requests())


def differences(cloud: Cloud, fleet: Fleet = BALANCED) -> list[str]:
    """Return the plan as people see it."""
    return [str(difference) for difference in the_plan(cloud, fleet).differences]


def test_from_nothing(cloud: Cloud) -> None:
    """Both ports lead to every worker, watched, on a public address; the balancer with its parts is one call."""
    assert [
        "create load balancer koprogo-lb: small, 80 to 30080 on 2 agents (tcp), 443 to 30443 on 2 agents (tcp)",
        "create floating IP koprogo-lb: to the load balancer, GRA11",
    ] == differences(cloud)[-2:]

    provision(cloud, BALANCED)

    assert ALL == around(cloud)
    assert OBJECTS == objects(cloud)
    assert {80: ("tcp", workers_on(30080)), 443: ("tcp", workers_on(30443))} == ways(cloud)
    assert the_balancer(cloud).floating_ip is not None
    assert 1 == posts(cloud, "/loadbalancing/loadbalancer")
    assert 0 == sum(posts(cloud, ending) for ending in ("/listener", "/pool", "/member", "/healthMonitor"))


def test_second_run_writes_nothing(cloud: Cloud) -> None:
    """What is as desired is left alone."""
    provision(cloud, BALANCED)
    before = writes(cloud)

    assert [] == differences(cloud)
    provision(cloud, BALANCED)

    assert before == writes(cloud)


def test_nothing_is_given_to_nodes(cloud: Cloud) -> None:
    """What OVH takes for gateway and balancer is out of the last quarter, where no node is."""
    provision(cloud, BALANCED)

    with cloud.state.look() as data:
        (gateway,), (balancer,) = data["gateways"].values(), data["load_balancers"].values()
    inside = [*balancer["addresses"], gateway["interfaces"][1]["ip"]]
    assert all(int(address.rpartition(".")[2]) >= 224 for address in inside)
    assert "10.0.0.1" == gateway["interfaces"][0]["ip"]


CHANGES: list[tuple[Fleet, dict[int, tuple[str, list[str]]]]] = [
    (
        with_balancer(3),
        {
            80: ("tcp", workers_on(30080, *WORKERS, "10.0.0.23")),
            443: ("tcp", workers_on(30443, *WORKERS, "10.0.0.23")),
        },
    ),
    (with_balancer(1), {80: ("tcp", workers_on(30080, WORKERS[0])), 443: ("tcp", workers_on(30443, WORKERS[0]))}),
    (with_balancer(proxy_protocol="v2"), {80: ("proxyV2", workers_on(30080)), 443: ("proxyV2", workers_on(30443))}),
    (with_balancer(http=8080), {8080: ("tcp", workers_on(30080)), 443: ("tcp", workers_on(30443))}),
    (
        BALANCED.model_copy(update={"ingress": BALANCED.ingress.model_copy(update={"http": 30081})}),
        {80: ("tcp", workers_on(30081)), 443: ("tcp", workers_on(30443))},
    ),
]


@pytest.mark.sampled(every=7)
@pytest.mark.parametrize(("fleet", "expected"), CHANGES)
def test_changed_in_place(cloud: Cloud, fleet: Fleet, expected: dict[int, tuple[str, list[str]]]) -> None:
    """Workers, the PROXY protocol and ports change one after the other on the same balancer and address, and back."""
    provision(cloud, BALANCED)
    before = the_balancer(cloud)

    provision(cloud, fleet, confirmed=frozenset({"koprogo-worker-2"}))
    assert expected == {port: (protocol, sorted(members)) for port, (protocol, members) in ways(cloud).items()}
    assert before == the_balancer(cloud)
    assert [] == differences(cloud, fleet)

    provision(cloud, BALANCED, confirmed=frozenset({"koprogo-worker-3"}))
    assert ALL == around(cloud)
    assert [] == differences(cloud)


def test_sizes_change_in_place(cloud: Cloud) -> None:
    """Balancer and gateway become larger where they are."""
    provision(cloud, BALANCED)
    before, larger = the_balancer(cloud), with_balancer(gateway="m", size="medium")

    provision(cloud, larger)

    assert before == replace(the_balancer(cloud), flavor_id=before.flavor_id)
    assert ["m"] == [gateway.model for gateway in gateways.list_gateways(cloud.api(), REGION)]
    assert [] == differences(cloud, larger)


def test_added_later(cloud: Cloud) -> None:
    """A fleet that has nodes already gets the subnet's gateway address, a gateway and a balancer; its nodes stay."""
    provision(cloud, FLEET)
    assert "change subnet koprogo-vrack/GRA11: no gateway -> gateway 10.0.0.1" == differences(cloud)[0]

    provision(cloud, BALANCED)

    assert (OBJECTS, ALL) == (objects(cloud), around(cloud))
    assert OBJECTS["instances"] == posts(cloud, "/instance")
    assert [] == differences(cloud)


def _a_pool(api: OvhApi) -> str:
    return load_balancer_pools.list_pools(api, REGION)[0].id


DRIFTS: list[Callable[[OvhApi], object]] = [
    lambda api: load_balancer_pools.delete_member(
        api, REGION, _a_pool(api), load_balancer_pools.list_members(api, REGION, _a_pool(api))[0].id
    ),
    lambda api: load_balancer_pools.create_members(
        api, REGION, _a_pool(api), [NewMember(FLEET.network.vrack[99], 30080, "stranger")]
    ),
    lambda api: load_balancer_pools.change_member(
        api, REGION, _a_pool(api), load_balancer_pools.list_members(api, REGION, _a_pool(api))[0].id, "x", 9
    ),
    lambda api: load_balancer_pools.delete_monitor(api, REGION, load_balancer_pools.list_monitors(api, REGION)[0].id),
    lambda api: load_balancer_pools.change_monitor(
        api,
        REGION,
        (monitor := load_balancer_pools.list_monitors(api, REGION)[0]).id,
        replace(monitor.wanted, delay=60),
    ),
    lambda api: load_balancer_pools.change_pool(api, REGION, _a_pool(api), NewPool("other name", "tcp", "sourceIP")),
    lambda api: load_balancer_pools.delete_pool(api, REGION, _a_pool(api)),
    lambda api: load_balancer_listeners.delete_listener(
        api, REGION, load_balancer_listeners.list_listeners(api, REGION)[0].id
    ),
    lambda api: load_balancers.delete_load_balancer(api, REGION, load_balancers.list_load_balancers(api, REGION)[0].id),
    lambda api: floating_ips.delete_floating_ip(api, REGION, floating_ips.list_floating_ips(api, REGION)[0].id),
]


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_mended(cloud: Cloud, drift: Callable[[OvhApi], object]) -> None:
    """What a person changed by hand is a difference, and put right."""
    provision(cloud, BALANCED)
    api, balancer_id = cloud.api(), the_balancer(cloud).id
    drift(api)
    if drift is not DRIFTS[-2]:
        settled(api, balancer_id)
    assert [] != differences(cloud)

    provision(cloud, BALANCED)

    assert [] == differences(cloud)
    assert {80: ("tcp", workers_on(30080)), 443: ("tcp", workers_on(30443))} == {
        port: (protocol, sorted(members)) for port, (protocol, members) in ways(cloud).items()
    }
    assert the_balancer(cloud).floating_ip is not None


def test_what_others_added_stays(cloud: Cloud) -> None:
    """A listener that a person put on the balancer, by a name that is not the fleet's, is left alone."""
    provision(cloud, BALANCED)
    api, balancer_id = cloud.api(), the_balancer(cloud).id
    load_balancer_listeners.create_listener(api, REGION, balancer_id, NewListener("mail", "tcp", 25))
    settled(api, balancer_id)

    assert [] == differences(cloud)


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success", "timeout-after-success"])
@pytest.mark.parametrize("path", ["*/loadbalancing/loadbalancer", "*/gateway", "*/floatingIp"])
def test_lost_answer_to_a_creation(cloud: Cloud, path: str, kind: str) -> None:
    """What was created though its answer was lost is taken over; what was not is created by the next run, once."""
    cloud.fault(kind, "POST", path)

    if kind == "500-html":
        with pytest.raises(OvhUnavailable, match="did not appear"):
            provision(cloud, BALANCED, lost_answer=0.2)
    provision(cloud, BALANCED)

    assert (OBJECTS, ALL) == (objects(cloud), around(cloud))


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success"])
@pytest.mark.parametrize("call", [("POST", "*/pool"), ("POST", "*/member"), ("PUT", "*/listener/*")])
def test_lost_answer_to_a_change(cloud: Cloud, call: tuple[str, str], kind: str) -> None:
    """A change of a part whose answer is lost is looked for, and not made twice."""
    provision(cloud, BALANCED)
    cloud.fault(kind, *call)
    fleet = with_balancer(3, proxy_protocol="v2")

    provision(cloud, fleet)

    assert [] == differences(cloud, fleet)
    assert {**ALL, "members": 6} == around(cloud)


@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success"])
def test_lost_answer_to_a_deletion(cloud: Cloud, kind: str) -> None:
    """A deletion whose answer is lost is asked for again, and the other member goes, too."""
    provision(cloud, BALANCED)
    cloud.fault(kind, "DELETE", "*/member/*")

    provision(cloud, with_balancer(1), confirmed=frozenset({"koprogo-worker-2"}))

    assert [] == differences(cloud, with_balancer(1))
    assert {**ALL, "members": 2} == around(cloud)


def test_a_member_that_is_gone_already(cloud: Cloud) -> None:
    """OVH shows a member, and does not find it when it is to go: that is no failure, and its instance goes."""
    provision(cloud, BALANCED)
    cloud.fault("404", "DELETE", "*/member/*")

    provision(cloud, with_balancer(1), confirmed=frozenset({"koprogo-worker-2"}))

    assert "koprogo-worker-2" not in {instance.name for instance in list_instances(cloud.api())}


def test_failed_balancer(cloud: Cloud) -> None:
    """A balancer that ends in error is deleted and created once more, and only one is left."""
    cloud.fault("in-error", "POST", "*/loadbalancing/loadbalancer")

    provision(cloud, BALANCED)

    assert ALL == around(cloud)
    assert [] == differences(cloud)


def test_address_outlives_the_balancer(cloud: Cloud) -> None:
    """A balancer that broke later is replaced; the address that the DNS knows leads to the new one."""
    provision(cloud, BALANCED)
    before = the_balancer(cloud)
    with cloud.state.change() as data:
        data["load_balancers"][before.id]["status"] = "error"

    provision(cloud, BALANCED)

    after = the_balancer(cloud)
    assert before.id != after.id
    assert (before.floating_ip_id, before.floating_ip) == (after.floating_ip_id, after.floating_ip)
    assert ALL == around(cloud)


def test_an_agent_leaves_before_its_instance(cloud: Cloud) -> None:
    """The balancer forgets an agent that is not wanted any more, and then its instance is deleted."""
    provision(cloud, BALANCED)
    before = len(cloud.requests())

    provision(cloud, with_balancer(1), confirmed=frozenset({"koprogo-worker-2"}))

    deleted = [entry["path"] for entry in cloud.requests("DELETE") if entry in cloud.requests()[before:]]
    kinds = [path.split("/")[-2] for path in deleted if "/instance/" in path or "/member/" in path]
    assert ["member", "member", "instance"] == kinds


def test_no_such_size(cloud: Cloud) -> None:
    """A size that the region does not have is told with those that it has, before anything is done."""
    with pytest.raises(InputError, match="no load balancer size named tiny"):
        provision(cloud, with_balancer(size="tiny"))

    assert 0 == writes(cloud)


def test_another_gateway_in_the_subnet(cloud: Cloud) -> None:
    """A gateway that somebody else put into the fleet's subnet is not joined by a second one: a person decides."""
    provision(cloud, BALANCED)
    api = cloud.api()
    (gateway,) = gateways.list_gateways(api, REGION)
    gateways.change_gateway(api, REGION, gateway.id, "stranger", "s")

    with pytest.raises(NotConverged, match="the subnet has the gateway stranger"):
        provision(cloud, BALANCED)


def test_without_the_section(cloud: Cloud) -> None:
    """A balancer and a gateway that fleet.yaml does not speak of any more are orphans: told, and left alone."""
    provision(cloud, BALANCED)
    without = BALANCED.model_copy(update={"load_balancer": None})

    found = orphans(observe(cloud.api(), without), without)

    assert {"floating IP koprogo-lb", "load balancer koprogo-lb"} == {str(item.ref) for item in found}
    assert [] == differences(cloud, without)


def test_destroy(cloud: Cloud) -> None:
    """Everything goes, the floating IP before its gateway and its balancer, these before the subnet."""
    provision(cloud, BALANCED)

    destroyed(cloud, BALANCED)

    assert NONE == around(cloud)
    assert dict.fromkeys(OBJECTS, 0) == objects(cloud)
