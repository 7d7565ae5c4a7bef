"""``koprogo-fleet scale``: what it shows, what it refuses, and when fleet.yaml is written."""

from __future__ import annotations

from commands_at_emulator import FLEET_YAML, Office
from emulated_cloud import Cloud

VAULT = {"VAULT_ADDR": "https://127.0.0.1:9", "VAULT_TOKEN": "nobody asks"}
FIVE = FLEET_YAML.replace("count: 2", "count: 5")


def ready(office: Office) -> None:
    """Add what a provision reads besides fleet.yaml."""
    (office.inventory / "secrets.yaml").write_text("secrets: []\n")
    (office.inventory / "releases.yaml").write_text("releases: []\n")


def test_a_dry_run_shows_the_file_and_the_plan(office: Office, cloud: Cloud) -> None:
    """The diff of fleet.yaml and the new nodes, exit code 3; neither the file nor anything at OVH changes."""
    ready(office)

    ended = office.run("scale", "worker=5", "--dry-run", **VAULT)

    assert 3 == ended.code, ended.err
    assert "-    count: 2" in ended.out
    assert "+    count: 5" in ended.out
    assert "instance koprogo-worker-5" in ended.out
    assert FLEET_YAML == office.fleet_yaml.read_text()
    assert [] == [entry for entry in cloud.requests() if entry["method"] != "GET"]


def test_nothing_is_written_before_it_is_agreed_to(office: Office, cloud: Cloud) -> None:
    """Whoever says no keeps the old file; where nobody can say anything, it is an error."""
    ready(office)

    ended, alone = office.run("scale", "worker=5", types="n\n", **VAULT), office.run("scale", "worker=5", **VAULT)

    assert (3, 2) == (ended.code, alone.code), ended.err
    assert "scale --yes" in alone.err
    assert FLEET_YAML == office.fleet_yaml.read_text()
    assert [] == [entry for entry in cloud.requests() if entry["method"] != "GET"]


def test_the_file_is_written_before_anything_is_done(office: Office, cloud: Cloud) -> None:
    """With --yes fleet.yaml says the new count, comments kept, also where the run then fails: provision goes on from it."""
    ready(office)
    cloud.fault("403", "POST", "*", times=50)

    ended = office.run("scale", "worker=5", "--yes", "--json", **VAULT)

    assert 1 == ended.code
    assert FIVE == office.fleet_yaml.read_text()
    assert "the ones that work" in office.fleet_yaml.read_text()


def test_control_planes_are_refused(office: Office, cloud: Cloud) -> None:
    """Neither fewer nor an even number, and no call is made."""
    ready(office)
    office.edit("count: 1", "count: 3")

    fewer, even = office.run("scale", "cp=1", "--yes", **VAULT), office.run("scale", "cp=4", "--yes", **VAULT)

    assert (2, 2) == (fewer.code, even.code)
    assert "etcd member" in fewer.err
    assert "odd number" in even.err
    assert not (cloud.folder / "ovh-requests.jsonl").exists() or [] == cloud.requests()
