"""Plans carried out against the emulator: from nothing, after lost answers, after kills."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from emulated_cloud import Cloud, until
from emulated_fleet import (
    FLEET,
    KEY,
    OBJECTS,
    QUICK,
    PulledPlugError,
    RememberedHostKeys,
    objects,
    posts,
    provision,
    the_plan,
)

from koprogo_fleet.core.errors import NotConverged, OvhConflict, OvhUnavailable, WaitTimeout
from koprogo_fleet.core.events import Note, Waiting
from koprogo_fleet.ovh import groups, instances, volumes
from koprogo_fleet.provision.apply import Limits, apply
from koprogo_fleet.provision.kind import Existing, Ref
from koprogo_fleet.provision.observe import observe


def test_from_nothing(cloud: Cloud) -> None:
    """An empty project becomes the fleet: addresses, groups, volumes, user data, host keys made once each."""
    host_keys = provision(cloud)

    api = cloud.api()
    assert OBJECTS == objects(cloud)
    found = {item.name: item for item in instances.list_instances(api)}
    assert {node.name: node.vrack_address for node in FLEET.nodes} == {
        name: item.private_ipv4 for name, item in found.items()
    }
    assert {"ACTIVE"} == {item.status for item in found.values()}
    (group,) = groups.list_groups(api)
    assert {found[f"koprogo-cp-{number}"].id for number in (1, 2, 3)} == set(group.instance_ids)
    assert {f"koprogo-worker-{number}": (found[f"koprogo-worker-{number}"].id,) for number in (1, 2)} == {
        volume.name: volume.attached_to for volume in volumes.list_volumes(api)
    }
    assert {node.name: 1 for node in FLEET.nodes} == host_keys.made
    for machine in cloud.machines.machines.values():
        assert f"private key of {machine.name}" in machine.user_data
    waits = {event.condition for event in cloud.events if isinstance(event, Waiting)}
    assert any(wait.endswith(": instance ACTIVE with a public and a vRack address") for wait in waits)


@pytest.mark.parametrize(("lasts", "looks"), [(0.0, 2), (60.0, 1)])
def test_a_look_that_lasts_is_not_made_again(cloud: Cloud, lasts: float, looks: int) -> None:
    """What the plan was made from is looked at again before anything is done, unless that was a moment ago."""
    apply(the_plan(cloud), cloud.api(), RememberedHostKeys(), limits=Limits(**QUICK, look_lasts=lasts))

    assert looks == sum(entry["path"].endswith("/quota") for entry in cloud.requests("GET"))
    assert OBJECTS == objects(cloud)


def test_what_is_ready_is_told(cloud: Cloud) -> None:
    """The answer is every object that stays, those that were there already, too."""
    made = provision_and_return(cloud)
    again = provision_and_return(cloud)

    assert {str(ref) for ref in made} == {str(ref) for ref in again}
    assert {ref: item.id for ref, item in made.items()} == {ref: item.id for ref, item in again.items()}
    assert "instance koprogo-cp-1" in {str(ref) for ref in made}


def provision_and_return(cloud: Cloud) -> Mapping[Ref, Existing[Any]]:
    """Do what is to be done, and return what is ready."""
    return apply(the_plan(cloud), cloud.api(), RememberedHostKeys(), limits=Limits(**QUICK))


def test_second_run_changes_nothing(cloud: Cloud) -> None:
    """Once applied, the plan is empty, and applying it makes no call at all."""
    provision(cloud)
    wanted = the_plan(cloud)
    before = len(cloud.requests())

    apply(wanted, cloud.api(), RememberedHostKeys(), limits=Limits(**QUICK))

    assert () == wanted.steps
    assert () == wanted.notes
    assert before == len(cloud.requests())


def test_refused_before_it_was_done(cloud: Cloud) -> None:
    """A POST that failed without effect is not repeated in this run; the next run does it."""
    cloud.fault("500-html", "POST", "*/instance")

    with pytest.raises(OvhUnavailable, match="did not appear within 0 s") as caught:
        provision(cloud, lost_answer=0)

    assert "run the command again" in (caught.value.next_step or "")
    assert 5 == posts(cloud, "/instance")
    provision(cloud)
    assert OBJECTS == objects(cloud)


THE_VICTIM = """
import sys
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.credentials import from_environment
from koprogo_fleet.provision.apply import apply
from koprogo_fleet.provision.kind import Existing, Ref
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import plan

class HostKeys:
    def new(self, name):
        return Secret("private"), "ssh-ed25519 AAAA"

fleet = Fleet.model_validate_json(sys.stdin.read())
api = OvhApi(from_environment()[0])
apply(plan(fleet, observe(api, fleet), sys.argv[1]), api, HostKeys())
"""


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("writes", [1, 4, 6, 9])
def test_kill_9_and_run_again(cloud: Cloud, tmp_path: Path, writes: int) -> None:
    """A process killed after some of its POSTs leaves no duplicate behind: the next one converges."""
    cloud.machines.boot_seconds = 0.2
    keys = cloud.state.keys
    environment = {
        "OVH_ENDPOINT": cloud.url,
        "OVH_APPLICATION_KEY": keys.application_key,
        "OVH_APPLICATION_SECRET": keys.application_secret.reveal(),
        "OVH_CONSUMER_KEY": keys.consumer_key.reveal(),
        "HOME": str(tmp_path),
    }
    with subprocess.Popen([sys.executable, "-c", THE_VICTIM, KEY], stdin=subprocess.PIPE, env=environment) as victim:
        assert victim.stdin is not None
        victim.stdin.write(FLEET.model_dump_json().encode())
        victim.stdin.close()
        until(lambda: (tmp_path / "ovh-requests.jsonl").exists() and len(cloud.requests("POST")) >= writes, seconds=20)
        victim.kill()
        assert -9 == victim.wait()

    provision(cloud)

    assert OBJECTS == objects(cloud)
    assert () == the_plan(cloud).steps


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("after", [1, 3, 6, 9])
def test_killed_and_run_again(cloud: Cloud, after: int) -> None:
    """Ended in the middle, whatever existed then, the next run converges without duplicates."""
    seen = 0

    def pull(event: Any) -> None:
        nonlocal seen
        seen += isinstance(event, Note)
        if seen >= after:
            raise PulledPlugError

    with pytest.raises(PulledPlugError):
        apply(the_plan(cloud), cloud.api(), RememberedHostKeys(), listener=pull, limits=Limits(**QUICK))

    provision(cloud)

    assert OBJECTS == objects(cloud)
    assert () == the_plan(cloud).steps


def test_killed_while_it_builds(cloud: Cloud) -> None:
    """An instance that a killed run left in BUILD is waited for, not created."""
    cloud.machines.boot_seconds = 0.5
    wanted = the_plan(cloud)
    with pytest.raises(WaitTimeout, match=r"koprogo-.*status BUILD|5 of 1. steps|not in the list") as caught:
        _first_error(
            lambda: apply(wanted, cloud.api(), RememberedHostKeys(), limits=Limits(**QUICK, ready={"instance": 0}))
        )
    assert "run the command again" in (caught.value.next_step or "")

    host_keys = provision(cloud)

    assert not host_keys.made
    assert OBJECTS == objects(cloud)


def _first_error(call: Any) -> None:
    """Turn the summary of several failed nodes back into what a single one would raise."""
    try:
        call()
    except NotConverged as error:
        raise WaitTimeout("x", seconds=0, last_observation=error.seen, next_step=error.next_step) from error


def test_a_late_list_brings_nobody_back(cloud: Cloud) -> None:
    """A failed instance that the list still shows after its deletion is not taken for the one whose answer was lost."""
    one = FLEET.model_copy(update={"pools": (FLEET.pools[0].model_copy(update={"count": 1}),)})
    cloud.fault("error-instance", "POST", "*/instance")
    failed: dict[str, Any] = {}

    def list_late(event: Any) -> None:
        with cloud.state.change() as data:
            if isinstance(event, Note) and "created once more" in event.text:
                failed.update(data["instances"])
                data["faults"].append(NO_ANSWER)
            elif isinstance(event, Waiting) and "as the answer was lost" in event.condition:
                data["instances"].update(failed)

    with pytest.raises(OvhUnavailable, match="did not appear"):
        apply(
            the_plan(cloud, one),
            cloud.api(),
            RememberedHostKeys(),
            listener=list_late,
            limits=Limits(**QUICK, lost_answer=0.3, ready={"instance": 3}),
        )


NO_ANSWER = {"method": "POST", "path": "*/instance", "kind": "500-html", "times": 1, "seconds": 0.0}


def test_never_active(cloud: Cloud) -> None:
    """An instance that stays in BUILD ends in a timeout that names the node and what was seen."""
    one = FLEET.model_copy(update={"pools": (FLEET.pools[0].model_copy(update={"count": 1}),)})
    cloud.fault("never-active", "POST", "*/instance")

    with pytest.raises(WaitTimeout, match=r"koprogo-cp-1: instance ACTIVE with .*status BUILD"):
        provision(cloud, one, ready={"instance": 1})


def test_stopped_instance_is_started(cloud: Cloud) -> None:
    """A node that is off is started, not created."""
    provision(cloud)
    crashed = instances.list_instances(cloud.api())[0]
    cloud.machines.stop(crashed.id)
    wanted = the_plan(cloud)
    assert [f"change instance {crashed.name}: SHUTOFF -> ACTIVE"] == [str(item) for item in wanted.differences]

    apply(wanted, cloud.api(), RememberedHostKeys(), limits=Limits(**QUICK))

    assert crashed.id in cloud.machines.running
    assert () == the_plan(cloud).steps


def test_volume_is_attached_again(cloud: Cloud) -> None:
    """A volume that somebody detached is attached again, with what it holds."""
    provision(cloud)
    api = cloud.api()
    volume = volumes.list_volumes(api)[0]
    volumes.detach_volume(api, volume.id, volume.attached_to[0])
    until(lambda: volumes.get_volume(api, volume.id).status == "available")

    provision(cloud)

    assert volume.attached_to == volumes.get_volume(api, volume.id).attached_to
    assert 2 == posts(cloud, "/volume")


def test_wrong_shape_is_refused(cloud: Cloud) -> None:
    """A node of another flavor, not confirmed, stops the run before anything is changed, and nothing is recreated."""
    provision(cloud)
    pools = (FLEET.pools[0], FLEET.pools[1].model_copy(update={"flavor": "b2-15", "count": 3}))
    before = len(cloud.requests("POST"))

    with pytest.raises(NotConverged, match="replace instance koprogo-worker-1: flavor b2-30 -> flavor b2-15") as caught:
        provision(cloud, FLEET.model_copy(update={"pools": pools}))

    assert "change fleet.yaml back" in (caught.value.next_step or "")
    assert "--confirm koprogo-worker-1 --confirm koprogo-worker-2" in (caught.value.next_step or "")
    assert before == len(cloud.requests("POST"))


def test_world_changed_after_the_plan(cloud: Cloud) -> None:
    """What was not in the plan that the user saw is not done."""
    provision(cloud)
    api = cloud.api()
    first, second = instances.list_instances(api)[:2]
    cloud.machines.stop(first.id)
    shown = the_plan(cloud)
    cloud.machines.stop(second.id)

    with pytest.raises(OvhConflict, match=second.name):
        apply(shown, api, RememberedHostKeys(), limits=Limits(**QUICK))

    assert first.id not in cloud.machines.running


def test_two_runs_at_once(cloud: Cloud) -> None:
    """A plan that another run has carried out meanwhile does nothing more."""
    shown = the_plan(cloud)
    provision(cloud)

    apply(shown, cloud.api(), RememberedHostKeys(), limits=Limits(**QUICK))

    assert OBJECTS == objects(cloud)


def test_all_nodes_at_once(cloud: Cloud) -> None:
    """Instances are built in parallel: five that take 0.4 s on four workers need far less than 2 s of BUILD."""
    cloud.machines.boot_seconds = 0.4
    most, lock = 0, threading.Lock()

    def listener(_event: Any) -> None:
        nonlocal most
        with cloud.state.look() as data, lock:
            most = max(most, sum(item["status"] == "BUILD" for item in data["instances"].values()))

    apply(the_plan(cloud), cloud.api(), RememberedHostKeys(), listener=listener, limits=Limits(**QUICK))

    assert most >= 3


def test_few_calls(cloud: Cloud) -> None:
    """Observing costs one call for each list, however many nodes there are."""
    provision(cloud)
    api = cloud.api()
    _ = api.project
    before = len(cloud.requests("GET"))

    observe(api, FLEET)

    assert 12 == len(cloud.requests("GET")) - before
