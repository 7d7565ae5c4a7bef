"""``koprogo-fleet drift`` and ``orphans``: what is not as fleet.yaml says, for a schedule and for the bill."""

from __future__ import annotations

from commands_at_emulator import Office
from emulated_cloud import Cloud, until

from koprogo_fleet.ovh.instances import list_instances, stop_instance
from koprogo_fleet.ovh.volumes import create_volume


def test_no_drift_is_silent(office: Office) -> None:
    """A fleet that is as desired: exit code 0 and not a word on either output, so that cron mails nothing."""
    office.provision()

    ended = office.run("drift")

    assert (0, "", "") == (ended.code, ended.out, ended.err)
    assert not office.run("drift", "--json").json["drifted"]


def test_each_difference_is_a_line(office: Office, cloud: Cloud) -> None:
    """An instance that was stopped, and a volume that nobody wants: a line each, and exit code 3."""
    office.provision()
    api = cloud.api()
    (worker,) = [item.id for item in list_instances(api) if item.name == "koprogo-worker-1"]
    stop_instance(api, worker)
    until(lambda: any(item.status == "SHUTOFF" for item in list_instances(api)))
    volume = create_volume(api, "koprogo-old", "GRA11", 100, "classic")

    ended, machine = office.run("drift"), office.run("drift", "--json")

    assert (3, 3) == (ended.code, machine.code)
    assert [
        "change instance koprogo-worker-1: SHUTOFF -> ACTIVE",
        f"volume koprogo-old ({volume.id}) is not in fleet.yaml; it is left as it is",
    ] == ended.out.splitlines()
    assert machine.json["drifted"]
    assert [("change", "koprogo-worker-1")] == [(step["action"], step["name"]) for step in machine.json["steps"]]


def test_an_api_that_does_not_answer_is_no_drift(office: Office, cloud: Cloud) -> None:
    """A refused login is exit code 2 with the API's message, so that nobody takes it for a difference."""
    cloud.fault("403", path="*/instance")

    ended = office.run("drift")

    assert (2, "") == (ended.code, ended.out)
    assert "Next:" in ended.err


def test_orphans_with_their_price(office: Office, cloud: Cloud) -> None:
    """What nobody wants is listed with the catalogue's price, and whether provision deletes it; the rest is not."""
    office.provision()
    create_volume(cloud.api(), "koprogo-old", "GRA11", 100, "classic")
    create_volume(cloud.api(), "somebody-elses", "GRA11", 100, "classic")
    office.edit("count: 2", "count: 1")

    shown, machine = office.run("orphans"), office.run("orphans", "--json")

    assert (0, 0) == (shown.code, machine.code), shown.err
    found = {(item["kind"], item["name"]): item for item in machine.json["orphans"]}
    assert {("instance", "koprogo-worker-2"), ("volume", "koprogo-worker-2"), ("volume", "koprogo-old")} == set(found)
    assert found["instance", "koprogo-worker-2"]["deleted_by_provision"]
    assert not found["volume", "koprogo-old"]["deleted_by_provision"]
    assert sum(float(item["monthly"]) for item in found.values()) == float(machine.json["monthly"]) > 100
    assert "leaves it" in shown.out
    assert "Prices: OVH's catalogue" in shown.out


def test_no_orphans_no_catalogue(office: Office, cloud: Cloud) -> None:
    """Where there are none, that is said, and the prices are not even read."""
    office.provision()

    ended = office.run("orphans")

    assert (0, "None: everything that bears the fleet's names is in fleet.yaml.\n") == (ended.code, ended.out)
    assert not any("catalog" in entry["path"] for entry in cloud.requests())
