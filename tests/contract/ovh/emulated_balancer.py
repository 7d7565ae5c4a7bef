"""A fleet with a gateway and a load balancer at the emulator, and what is there of it."""

from __future__ import annotations

from typing import Any

from emulated_cloud import Cloud
from emulated_fleet import FLEET, KEY, QUICK, RememberedHostKeys

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import load_balancer_listeners, load_balancer_pools, load_balancers
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.load_balancers import LoadBalancer
from koprogo_fleet.ovh.rate import TokenBucket
from koprogo_fleet.provision.apply import Limits, apply, destroy
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import Plan, destroy_plan, plan

AROUND = ("gateways", "floating_ips", "load_balancers", "listeners", "pools", "members", "health_monitors")


def api_of(cloud: Cloud) -> OvhApi:
    """Return a client that is not held back: the emulator is ours alone."""
    return cloud.api(bucket=TokenBucket(10_000))


def the_plan(cloud: Cloud, fleet: Fleet) -> Plan:
    """Look, and plan."""
    return plan(fleet, observe(api_of(cloud), fleet), KEY)


def provision(cloud: Cloud, fleet: Fleet, confirmed: frozenset[str] = frozenset(), **limits: Any) -> None:
    """Plan and apply."""
    apply(
        the_plan(cloud, fleet),
        api_of(cloud),
        RememberedHostKeys(),
        confirmed=confirmed,
        listener=cloud.events.append,
        limits=Limits(**{**QUICK, **limits}),
    )


def with_balancer(workers: int = 2, gateway: str | None = "s", **balancer: Any) -> Fleet:
    """Return the fleet with so many workers, a gateway, and a load balancer that has these fields."""
    document = FLEET.model_dump(mode="json")
    document["pools"][1]["count"] = workers
    document["network"]["gateway"] = gateway
    document["load_balancer"] = {"kind": "octavia", **balancer}
    return Fleet.model_validate(document)


def around(cloud: Cloud) -> dict[str, int]:
    """Count what is around the nodes."""
    with cloud.state.look() as data:
        return {name: len(data[name]) for name in AROUND}


def the_balancer(cloud: Cloud) -> LoadBalancer:
    """Return the only load balancer."""
    (balancer,) = load_balancers.list_load_balancers(cloud.api(), "GRA11")
    return balancer


def ways(cloud: Cloud) -> dict[int, tuple[str, list[str]]]:
    """Return where each port leads: the pool's protocol, and its members."""
    api = cloud.api()
    pools = {pool.id: pool.protocol for pool in load_balancer_pools.list_pools(api, "GRA11")}
    return {
        listener.port: (
            pools[listener.pool_id or ""],
            [
                f"{member.address}:{member.port}"
                for member in load_balancer_pools.list_members(api, "GRA11", listener.pool_id or "")
            ],
        )
        for listener in load_balancer_listeners.list_listeners(api, "GRA11")
    }


def destroyed(cloud: Cloud, fleet: Fleet) -> None:
    """Destroy the fleet."""
    nodes = frozenset(node.name for node in fleet.nodes)
    observed = observe(api_of(cloud), fleet)
    destroy(destroy_plan(observed, fleet), api_of(cloud), confirmed=nodes, limits=Limits(**QUICK))
