"""Nodes that die, are replaced, leave and are rebuilt, on one fleet of three control planes and two workers."""

from __future__ import annotations

import json

import pytest
from api_client import api_client
from lab_fleet import Fleet

from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.k3s import presence
from koprogo_fleet.ovh import catalogue
from koprogo_fleet.ovh.instance_actions import reinstall_instance
from koprogo_fleet.ovh.instances import ACTIVE, delete_instance, list_instances
from koprogo_fleet.ovh.volumes import list_volumes
from koprogo_fleet.provision.apply import apply
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import plan
from koprogo_fleet.ssh.host_keys import make_host_key
from koprogo_fleet.ssh.user_keys import ensure_private_key

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800), pytest.mark.exhaustive]

FIRST, SECOND, THIRD = SERVERS = ("koprogo-cp-1", "koprogo-cp-2", "koprogo-cp-3")
STAYS, LEAVES = WORKERS = ("koprogo-worker-1", "koprogo-worker-2")
ADDRESSES = ("10.0.0.11", "10.0.0.12", "10.0.0.13")
ELECTION_SECONDS = 20.0
"""Etcd's election timeout is 5 s (K3s' own), and a vote may be split; a request that hung at the time is given up after 10 s."""


def nodes(fleet: Fleet) -> set[str]:
    """Return the names of the nodes that are Ready."""
    items = json.loads(fleet.kubectl("get", "nodes", "-o", "json"))["items"]
    return {
        node["metadata"]["name"]
        for node in items
        for condition in node["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }


def shown(fleet: Fleet, host: str) -> presence.Presence:
    """Return what a node shows of K3s."""
    return presence.parse(fleet.on(host, presence.LOOK))


def assert_whole(fleet: Fleet, before: str) -> None:
    """Assert that the cluster is the one *before*, with three voters, that nobody founds, and that nothing is to be done."""
    found = [shown(fleet, server) for server in SERVERS]
    assert before == fleet.uid()
    assert 1 == len({item.cluster for item in found})
    assert [set(SERVERS)] * 3 == [{m.name.rpartition("-")[0] for m in item.members if not m.learner} for item in found]
    assert [False] * 3 == [item.founds for item in found]
    assert {*SERVERS, *WORKERS} == nodes(fleet)
    assert sorted((*SERVERS, *WORKERS)) == sorted(instance.name for instance in list_instances(fleet.api))
    assert sorted(WORKERS) == sorted(volume.name for volume in list_volumes(fleet.api))
    assert {} == fleet.differences()


def until_gone(fleet: Fleet, instance_id: str) -> None:
    """Return once OVH shows an instance no more."""

    def look() -> None:
        if instance_id in {instance.id for instance in list_instances(fleet.api)}:
            raise NotYet("it is there")

    wait_for("the instance to be gone", look, seconds=60)


def test_the_machine_of_the_first_control_plane_is_deleted(small: Fleet) -> None:
    """A plain ``provision`` has a new one join the cluster that there is; the API answers all the time."""
    fleet = small
    before = fleet.uid()

    with api_client(fleet, STAYS, ADDRESSES[1:], "the loss and return of the first control plane") as watched:
        instance = fleet.instance_id(FIRST)
        delete_instance(fleet.api, instance)
        until_gone(fleet, instance)
        fleet.timed("first control plane healed by provision", "provision", "--yes")

    assert_whole(fleet, before)
    assert watched.report.requests > 100
    assert watched.report.longest_gap < ELECTION_SECONDS, watched.report


def test_nothing_is_replaced_while_another_is_down(small: Fleet) -> None:
    """With a member of etcd down, whatever would take another is refused before anything is done, and so without its name."""
    fleet = small
    machines = {instance.id for instance in list_instances(fleet.api)}
    unconfirmed = fleet.run("node", "replace", FIRST, "--yes")
    fleet.on(SECOND, "systemctl stop k3s", timeout=120)
    try:
        refused = [
            fleet.run("node", *command, "--confirm", FIRST, "--yes")
            for command in (("replace", FIRST), ("remove", FIRST), ("rebuild", FIRST))
        ]
    finally:
        fleet.on(SECOND, "systemctl start k3s", timeout=300)

    assert 1 == unconfirmed.returncode
    assert [2, 2, 2] == [done.returncode for done in refused]
    assert all("no quorum" in " ".join((done.stdout + done.stderr).split()) for done in refused)
    assert machines == {instance.id for instance in list_instances(fleet.api)}
    assert {} == fleet.differences()


def test_the_first_control_plane_is_broken_and_replaced(small: Fleet) -> None:
    """Its machine does not answer, though OVH says ACTIVE: another one takes its place, and the cluster stays itself."""
    fleet = small
    before, instance = fleet.uid(), fleet.instance_id(FIRST)

    with api_client(fleet, STAYS, ADDRESSES[1:], "the replacement of the first control plane") as watched:
        fleet.machines.kill(instance)
        fleet.timed("node replace of a dead control plane", "node", "replace", FIRST, "--confirm", FIRST, "--yes")

    assert_whole(fleet, before)
    assert instance != fleet.instance_id(FIRST)
    assert watched.report.longest_gap < ELECTION_SECONDS, watched.report


def test_a_worker_is_removed_and_joins_again(small: Fleet) -> None:
    """Nothing of K3s stays on its machine, its Node and its password are gone; the next ``provision`` has it join."""
    fleet = small
    before = fleet.uid()

    fleet.timed("worker removed", "node", "remove", LEAVES, "--confirm", LEAVES, "--yes")

    assert {*SERVERS, STAYS} == nodes(fleet)
    assert f"{LEAVES}.node-password.k3s" not in fleet.kubectl("get", "secret", "-n", "kube-system", "-o", "name")
    assert not shown(fleet, LEAVES).remains
    assert "" == fleet.on(LEAVES, "pgrep -fa 'kubelet|containerd' || true; ip -o link show cni0 2>/dev/null || true")

    fleet.timed("worker joined again", "provision", "--yes")
    assert_whole(fleet, before)


def test_a_control_plane_is_reinstalled_by_hand(small: Fleet) -> None:
    """Its disk is new, its name and address are not: what the cluster knew of it goes, and it joins."""
    fleet = small
    before, instance = fleet.uid(), fleet.instance_id(SECOND)
    image = catalogue.find("image", "Debian 12", catalogue.list_images(fleet.api, "GRA11"), "GRA11")
    reinstall_instance(fleet.api, instance, image.id)

    def look() -> None:
        status = next(item.status for item in list_instances(fleet.api) if item.id == instance)
        if status != ACTIVE:
            raise NotYet(status)

    wait_for("the instance to be ACTIVE", look, seconds=120)
    fleet.timed("control plane rebuilt", "node", "rebuild", SECOND, "--confirm", SECOND, "--yes")

    assert_whole(fleet, before)
    assert instance == fleet.instance_id(SECOND)


class Stranger:
    """Makes host keys and tells nobody, as one who makes a machine by hand."""

    def new(self, _name: str) -> tuple[Secret, str]:
        """Return the private PEM and the public line of a new key."""
        key = make_host_key()
        return key.private_pem, key.public_line


def test_a_machine_that_was_made_by_hand(small: Fleet) -> None:
    """Its host key is refused, until ``node rebuild`` takes it: OVH shows another instance than the one with the known key."""
    fleet = small
    before, instance = fleet.uid(), fleet.instance_id(LEAVES)
    delete_instance(fleet.api, instance)
    until_gone(fleet, instance)
    wanted = load_fleet(fleet.inventory / "fleet.yaml")
    key = ensure_private_key(fleet.root / "state" / "koprogo" / "id_ed25519")
    with fleet.vault as vault:
        apply(plan(wanted, observe(fleet.api, wanted, vault), key), fleet.api, Stranger(), keeper=vault)

    refused = fleet.run("provision", "--yes")
    fleet.timed("machine made by hand taken in", "node", "rebuild", LEAVES, "--confirm", LEAVES, "--yes")

    assert 2 == refused.returncode
    assert "host key" in refused.stdout + refused.stderr
    assert instance != fleet.instance_id(LEAVES)
    assert_whole(fleet, before)


def test_a_removed_member_is_named_and_rebuilt(small: Fleet) -> None:
    """K3s does not start with the data of a member that was removed; ``provision`` names the way out, which works."""
    fleet = small
    before = fleet.uid()
    fleet.kubectl("annotate", "node", THIRD, "etcd.k3s.cattle.io/remove=true")

    def look() -> None:
        said = fleet.on(THIRD, "journalctl -u k3s -n 200 -o cat")
        if "is a not a member of the etcd cluster" not in said:
            raise NotYet(said.splitlines()[-1])

    wait_for("K3s to refuse", look, seconds=120)
    stopped = fleet.run("provision", "--yes")
    fleet.timed("removed control plane rebuilt", "node", "rebuild", THIRD, "--confirm", THIRD, "--yes")

    assert 2 == stopped.returncode
    assert f"node rebuild {THIRD}" in " ".join((stopped.stdout + stopped.stderr).split())
    assert_whole(fleet, before)
