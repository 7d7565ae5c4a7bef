"""Random fleets, edited at random and killed at random points: what exists in the end is exactly what is wanted."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from emulated_cloud import Cloud
from emulated_fleet import KEY, PulledPlugError, RememberedHostKeys
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Event
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import groups, instances, networks, ssh_keys, volumes
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.rate import TokenBucket
from koprogo_fleet.provision.apply import Limits, apply, destroy
from koprogo_fleet.provision.kinds import KINDS
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import destroy_plan, plan

POOLS = st.fixed_dictionaries(
    {
        "count": st.integers(0, 3),
        "flavor": st.sampled_from(["b2-7", "b2-15"]),
        "first_address": st.sampled_from(["10.0.0.21", "10.0.0.22"]),
        "region": st.sampled_from(["GRA11", "SBG5"]),
        "anti_affinity": st.booleans(),
        "volume": st.sampled_from([None, {"size_gb": 10}, {"size_gb": 20}, {"size_gb": 10, "type": "classic"}]),
    }
)
FAULTS = st.sampled_from(["500-html", "500-html-after-success", "timeout-after-success", "429", "403"])
WRITES = st.sampled_from(
    [
        ("POST", "*/instance"),
        ("POST", "*/volume"),
        ("POST", "*/attach"),
        ("POST", "*"),
        ("DELETE", "*"),
        ("POST", "*/d*"),
    ]
)

SOON = 5.0
LIMITS = Limits(lost_answer=0.2, deletion=SOON, look_every=0.005, ready={kind.noun: SOON for kind in KINDS})


@dataclass(frozen=True)
class Trouble:
    """What goes wrong while a plan is applied: a fault of the API, or the end of the run at some event."""

    fault: tuple[str, tuple[str, str]] | None
    killed_at: int | None


TROUBLES = st.builds(
    Trouble,
    st.none() | st.tuples(FAULTS, WRITES) | st.just(("error-instance", ("POST", "*/instance"))),
    st.none() | st.integers(1, 25),
)


def the_fleet(servers: int, workers: dict[str, Any]) -> Fleet:
    """Return a fleet of one pool that stays and one that varies."""
    cp = {"name": "cp", "role": "server", "count": servers, "flavor": "b2-7", "first_address": "10.0.0.11"}
    pools = [cp, {"name": "worker", "role": "agent", **workers}]
    return Fleet.model_validate({"name": "koprogo", "pools": pools, "k3s": {"version": "v1.33.4+k3s1"}})


def everything(fleet: Fleet) -> frozenset[str]:
    """Confirm whatever any edit may cost."""
    return frozenset(f"{fleet.name}-{pool.name}-{number}" for pool in fleet.pools for number in range(1, 4))


def api_of(cloud: Cloud) -> OvhApi:
    """Return a client that is not held back: the emulator is ours alone."""
    return cloud.api(bucket=TokenBucket(10_000))


def applied(cloud: Cloud, fleet: Fleet, listener: Callable[[Event], None] = lambda _event: None) -> None:
    """Look, plan and apply, with everything confirmed."""
    api = api_of(cloud)
    wanted = plan(fleet, observe(api, fleet), KEY)
    apply(wanted, api, RememberedHostKeys(), confirmed=everything(fleet), listener=listener, limits=LIMITS)


def try_to_apply(cloud: Cloud, fleet: Fleet, trouble: Trouble) -> None:
    """Apply while something goes wrong; whatever comes of it."""
    events = 0

    def pull(_event: Event) -> None:
        nonlocal events
        events += 1
        if events == trouble.killed_at:
            raise PulledPlugError

    if trouble.fault:
        kind, call = trouble.fault
        cloud.fault(kind, *call)
    with suppress(PulledPlugError, KoprogoError):
        applied(cloud, fleet, pull)
    with cloud.state.change() as data:
        data["faults"].clear()


def what_exists(api: OvhApi) -> dict[str, Counter[Any]]:
    """Return all objects, each as often as it is there."""
    nodes = instances.list_instances(api)
    names = {item.id: item.name for item in nodes}
    images = {"ssh keys": Counter(key.name for key in ssh_keys.list_ssh_keys(api))}
    private = networks.list_private_networks(api)
    return images | {
        "networks": Counter(item.name for item in private),
        "subnets": Counter(subnet.region for item in private for subnet in networks.list_subnets(api, item.id)),
        "groups": Counter((item.name, item.region) for item in groups.list_groups(api)),
        "instances": Counter((item.name, item.region, item.private_ipv4, item.status) for item in nodes),
        "volumes": Counter(
            (item.name, item.region, item.size_gb, item.type, *(names[owner] for owner in item.attached_to))
            for item in volumes.list_volumes(api)
        ),
    }


def what_is_wanted(fleet: Fleet) -> dict[str, Counter[Any]]:
    """Return what should exist, in the same words, said independently of the kinds."""
    return {
        "ssh keys": Counter(["koprogo"]),
        "networks": Counter(["koprogo-vrack"]),
        "subnets": Counter({"GRA11", *(pool.region for pool in fleet.pools if pool.region)}),
        "groups": Counter(
            (f"koprogo-{pool.name}", pool.region or "GRA11")
            for pool in fleet.pools
            if pool.anti_affinity and pool.count
        ),
        "instances": Counter((node.name, node.region, node.vrack_address, "ACTIVE") for node in fleet.nodes),
        "volumes": Counter(
            (node.name, node.region, node.volume.size_gb, node.volume.type, node.name)
            for node in fleet.nodes
            if node.volume
        ),
    }


def converges(edits: list[tuple[int, dict[str, Any], Trouble]]) -> None:
    """Make all *edits* to one fleet, each with its trouble; then run once without, compare, and destroy."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder))
        cloud.machines.boot_seconds = 0.001
        try:
            fleet = the_fleet(1, {"count": 0, "flavor": "b2-7", "first_address": "10.0.0.21"})
            for servers, workers, trouble in edits:
                fleet = the_fleet(max(servers, len(fleet.servers)), workers)  # control planes do not go like that
                try_to_apply(cloud, fleet, trouble)
            applied(cloud, fleet)

            api = api_of(cloud)
            assert what_is_wanted(fleet) == what_exists(api)
            observed = observe(api, fleet)
            assert () == plan(fleet, observed, KEY).steps
            destroy(destroy_plan(observed, fleet), api, confirmed=everything(fleet), limits=LIMITS)
            assert all(not found for found in what_exists(api).values())
        finally:
            cloud.stop()


EDITS = st.lists(st.tuples(st.sampled_from([1, 3]), POOLS, TROUBLES), min_size=2, max_size=3)
IN_ITS_OWN_TIME = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(IN_ITS_OWN_TIME, max_examples=8, derandomize=True)
@given(EDITS)
def test_it_converges(edits: list[tuple[int, dict[str, Any], Trouble]]) -> None:
    """Whatever was edited, failed or was killed before, one run reaches exactly the fleet; then it can be destroyed."""
    converges(edits)


@pytest.mark.exhaustive
@settings(IN_ITS_OWN_TIME, max_examples=200)
@given(EDITS)
def test_it_converges_from_anywhere(edits: list[tuple[int, dict[str, Any], Trouble]]) -> None:
    """The same from many more places, others each time."""
    converges(edits)
