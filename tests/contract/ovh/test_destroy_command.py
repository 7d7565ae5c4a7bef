"""``koprogo-fleet destroy``: everything, by name, in order, and proven."""

from __future__ import annotations

import json

from commands_at_emulator import Office
from emulated_cloud import Cloud
from emulated_fleet import OBJECTS, objects

from koprogo_fleet.core.runs import list_runs
from koprogo_fleet.inventory.documents import FILES
from koprogo_fleet.inventory.sync import sync
from koprogo_fleet.ovh.volumes import create_volume
from koprogo_fleet.ssh.host_keys import KnownHosts, make_host_key

NOTHING = dict.fromkeys(OBJECTS, 0)


def standing(office: Office) -> None:
    """Have a fleet at OVH, with its inventory files and a kubeconfig."""
    office.provision()
    sync(office.cloud.api(), office.fleet, office.inventory, office.state / "id_ed25519")
    (office.state / "kubeconfig").write_text("{}")


def test_everything_goes_by_name(office: Office, cloud: Cloud) -> None:
    """Given the fleet's name, all its objects go with its orphans, and what is recorded here; a stranger's stay."""
    standing(office)
    create_volume(cloud.api(), "koprogo-old", "GRA11", 10, "classic")
    create_volume(cloud.api(), "somebody-elses", "GRA11", 10, "classic")
    known_hosts = KnownHosts(office.inventory / "known_hosts")
    known_hosts.put("bastion", make_host_key().public_line)
    (office.inventory / "sealing.pem").touch()

    ended = office.run("destroy", "--confirm", "koprogo")

    assert 0 == ended.code, ended.err
    assert {**NOTHING, "volumes": 1} == objects(cloud)
    assert "looked again: nothing at OVH bears the names of koprogo any more" in ended.out
    assert not any((office.inventory / name).exists() for name in FILES)
    assert not (office.inventory / "sealing.pem").exists()
    assert not (office.state / "kubeconfig").exists()
    assert known_hosts.get("bastion")
    assert [None] * 3 == [known_hosts.get(node.name) for node in office.fleet.nodes]
    run = list_runs(office.state)[-1]
    assert ("destroy", "done", 2) == (run.command, run.state, len(run.steps))


def test_not_without_the_name(office: Office, cloud: Cloud) -> None:
    """Without the fleet's name, with another, or with a slip of the finger, nothing is deleted at all."""
    standing(office)
    before = objects(cloud)

    unnamed, other = office.run("destroy"), office.run("destroy", "--confirm", "koprogo-worker-1")
    mistyped = office.run("destroy", types="yes\n")

    assert (1, 1, 3) == (unnamed.code, other.code, mistyped.code)
    assert "--confirm koprogo" in unnamed.err
    assert before == objects(cloud)
    assert [] == cloud.requests("DELETE")
    assert (office.inventory / "hosts.yaml").exists()


def test_looking_is_free(office: Office, cloud: Cloud) -> None:
    """--plan shows the order, what needs others first, and deletes nothing."""
    standing(office)

    shown, machine = office.run("destroy", "--plan"), office.run("destroy", "--plan", "--json")

    assert (3, 3) == (shown.code, machine.code)
    kinds = [step["kind"] for step in machine.json["steps"]]
    assert kinds.index("instance") < kinds.index("subnet") < kinds.index("private network")
    assert kinds.index("attachment of volume") < kinds.index("volume")
    assert {"delete"} == {step["action"] for step in machine.json["steps"]}
    assert [] == cloud.requests("DELETE")


def test_again_after_an_error(office: Office, cloud: Cloud) -> None:
    """One that the API refused half way is recorded as failed, keeps the host keys, and ends well when it is run again."""
    standing(office)
    cloud.fault("403", "DELETE", "*/volume/*", times=2)

    failed = office.run("destroy", "--confirm", "koprogo", "--json")
    assert failed.code in {1, 2}
    assert "error" in {line["event"] for line in map(json.loads, failed.out.splitlines())}
    assert KnownHosts(office.inventory / "known_hosts").get("koprogo-cp-1")

    again = office.run("destroy", types="koprogo\n")

    assert 0 == again.code, again.err
    assert NOTHING == objects(cloud)
    assert ["failed", "done"] == [run.state for run in list_runs(office.state)]
    nothing = office.run("destroy", "--plan")
    assert (0, "Nothing at OVH bears the fleet's names.\n") == (nothing.code, nothing.out)
