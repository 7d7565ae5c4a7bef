"""Random fleets, edited at random and killed at random points: what exists in the end is exactly what is wanted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from emulated_cloud import Cloud
from emulated_fleet import KEY, PulledPlugError, RememberedHostKeys
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from random_fleets import AROUND, EDITS, EVERYTHING, Around, Edit, Scene, confirmed

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Event
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.instances import list_instances
from koprogo_fleet.ovh.rate import TokenBucket
from koprogo_fleet.provision.apply import Limits, apply, destroy
from koprogo_fleet.provision.kinds import KINDS
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import destroy_plan, plan

FAULTS = st.sampled_from(
    [
        "500-html",
        "500-html-after-success",
        "timeout-after-success",
        "204",
        "truncated",
        "late-lists",
        "404",
        "429",
        "403",
    ]
)
WRITES = st.sampled_from(
    [
        ("POST", "*/instance"),
        ("POST", "*/volume"),
        ("POST", "*/attach"),
        ("POST", "*/gateway"),
        ("POST", "*/loadbalancing/*"),
        ("POST", "*/record"),
        ("POST", "*/s3Credentials"),
        ("POST", "*"),
        ("PUT", "*"),
        ("DELETE", "*"),
        ("POST", "*/d*"),
    ]
)
OF_ITS_OWN = st.sampled_from(
    [
        ("error-instance", ("POST", "*/instance")),
        ("attach-fails", ("POST", "*/attach")),
        ("quota", ("POST", "*/instance")),
        ("in-error", ("POST", "*/gateway")),
        ("zero-id", ("POST", "*/record")),
    ]
)

SOON = 5.0
LIMITS = Limits(
    lost_answer=0.2, late_list=0.3, deletion=SOON, look_every=0.005, ready={kind.noun: SOON for kind in KINDS}
)


@dataclass(frozen=True)
class Trouble:
    """What goes wrong while a plan is applied: a fault of the API, or the end of the run at some event."""

    fault: tuple[str, tuple[str, str]] | None
    killed_at: int | None


NONE = Trouble(None, None)
TROUBLES = st.builds(Trouble, st.none() | st.tuples(FAULTS, WRITES) | OF_ITS_OWN, st.none() | st.integers(1, 40))


def api_of(cloud: Cloud) -> OvhApi:
    """Return a client that is not held back: the emulator is ours alone."""
    return cloud.api(bucket=TokenBucket(10_000))


def applied(scene: Scene, fleet: Fleet, listener: Callable[[Event], None] = lambda _event: None) -> None:
    """Look, plan and apply, with everything confirmed."""
    api = api_of(scene.cloud)
    wanted = plan(fleet, observe(api, fleet, scene.keeper), KEY)
    apply(
        wanted,
        api,
        RememberedHostKeys(),
        confirmed=confirmed(fleet),
        keeper=scene.keeper,
        listener=listener,
        limits=LIMITS,
    )


def try_to_apply(scene: Scene, fleet: Fleet, trouble: Trouble) -> None:
    """Apply while something goes wrong; whatever comes of it."""
    events = 0

    def pull(_event: Event) -> None:
        nonlocal events
        events += 1
        if events == trouble.killed_at:
            raise PulledPlugError

    if trouble.fault:
        kind, call = trouble.fault
        scene.cloud.fault(kind, *call, **({"seconds": 0.1} if kind == "late-lists" else {}))
    with suppress(PulledPlugError, KoprogoError):
        applied(scene, fleet, pull)
    with scene.cloud.state.change() as data:
        data["faults"].clear()


def converges(around: Around, edits: list[tuple[Edit, Trouble]]) -> None:
    """Make all *edits* to one fleet, each with its trouble; then run once without, compare, and destroy."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder))
        cloud.machines.boot_seconds = 0.001
        try:
            scene, servers = Scene(cloud, around), 1
            for edit, trouble in edits:
                servers = max(servers, edit["servers"])  # control planes do not go like that
                fleet = scene.fleet(edit | {"servers": servers})
                try_to_apply(scene, fleet, trouble)
            applied(scene, fleet)

            api = api_of(cloud)
            first = next(item.public_ipv4 for item in list_instances(api) if item.name == fleet.first_server.name)
            assert scene.wanted(fleet, str(first)) == scene.exists(api)
            assert scene.is_in_vrack() or not fleet.dedicated_servers
            observed = observe(api, fleet, scene.keeper)
            assert () == plan(fleet, observed, KEY).steps
            ending = {"confirmed": confirmed(fleet), "keeper": scene.keeper, "limits": LIMITS}
            destroy(destroy_plan(observed, fleet), api, **ending)
            assert all(not found for found in scene.exists(api).values())
        finally:
            cloud.stop()


RUNS = st.lists(st.tuples(EDITS, TROUBLES), min_size=2, max_size=3)
IN_ITS_OWN_TIME = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
ALL_OF_IT: Edit = {
    "servers": 3,
    "workers": {
        "count": 2,
        "flavor": "b2-7",
        "first_address": "10.0.0.21",
        "region": "SBG5",
        "anti_affinity": True,
        "volume": {"size_gb": 10},
    },
    "gateway": "s",
    "balancer": {"size": "small"},
    "ttl": 300,
    "target": "api",
    "bought": True,
}


@settings(IN_ITS_OWN_TIME, max_examples=4, derandomize=True)
@given(AROUND, RUNS)
@example(EVERYTHING, [(ALL_OF_IT, Trouble(None, 12)), (ALL_OF_IT | {"gateway": "m", "ttl": 600}, NONE)])
def test_it_converges(around: Around, edits: list[tuple[Edit, Trouble]]) -> None:
    """Whatever was edited, failed or was killed before, one run reaches exactly the fleet; then it can be destroyed."""
    converges(around, edits)


@pytest.mark.exhaustive
@settings(IN_ITS_OWN_TIME, max_examples=200)
@given(AROUND, RUNS)
def test_it_converges_from_anywhere(around: Around, edits: list[tuple[Edit, Trouble]]) -> None:
    """The same from many more places, others each time."""
    converges(around, edits)
