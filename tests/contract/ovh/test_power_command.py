"""``koprogo-fleet power``: a fleet that is switched off and on, what it saves, and who may."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from commands_at_emulator import Ended, Office
from emulated_cloud import Cloud, until

from koprogo_fleet.ovh.instances import list_instances
from koprogo_fleet.ovh.prices import get_prices


def statuses(cloud: Cloud) -> dict[str, str]:
    """Return how each instance is, without the fleet's name."""
    return {item.name.removeprefix("koprogo-"): item.status for item in list_instances(cloud.api())}


def asked(cloud: Cloud, *ends: str) -> list[str]:
    """Return what the POSTs asked of which instance, in order."""
    names = {item.id: item.name.removeprefix("koprogo-") for item in list_instances(cloud.api())}
    parts = [entry["path"].split("/") for entry in cloud.requests("POST")]
    return [f"{part[-1]} {names[part[-2]]}" for part in parts if part[-1] in ends]


def notes(ended: Ended) -> str:
    """Return what was told besides the phases."""
    return "\n".join(line["text"] for line in ended.lines if line["event"] == "note")


@pytest.fixture
def dev(office: Office) -> Office:
    """A fleet that may be switched off, with all of its nodes."""
    office.fleet_yaml.write_text(f"{office.fleet_yaml.read_text()}power: {{may_switch_off: true}}\n")
    office.provision()
    return office


def test_off_and_on(dev: Office, cloud: Cloud) -> None:
    """Workers go first and come back last; a second run of either asks for nothing; a stopped fleet saves nothing."""
    off, again = dev.run("power", "off", "--json"), dev.run("power", "off", "--json")

    assert (0, 0) == (off.code, again.code), off.out
    assert {"cp-1": "SHUTOFF", "worker-1": "SHUTOFF", "worker-2": "SHUTOFF"} == statuses(cloud)
    order = asked(cloud, "stop")
    assert ["stop worker-1", "stop worker-2"] == sorted(order[:2])
    assert ["stop cp-1"] == order[2:]
    assert "this saves nothing" in notes(off)
    assert [] == [line for line in again.lines if line["event"] == "phase_ended" and line["changes"]]

    on, again = dev.run("power", "on", "--json"), dev.run("power", "on", "--json")

    assert (0, 0) == (on.code, again.code), on.out
    assert {"ACTIVE"} == set(statuses(cloud).values())
    assert "start cp-1" == asked(cloud, "start")[0]
    assert 3 == len(asked(cloud, "start"))
    assert "whether the nodes are Ready is not known here" in notes(on)


def test_shelved(dev: Office, cloud: Cloud) -> None:
    """Also instances that were stopped are shelved; it tells what that saves by the catalogue, and what is billed on."""
    dev.run("power", "off")

    ended = dev.run("power", "off", "--shelve", "--json")

    assert 0 == ended.code, ended.out
    assert {"SHELVED_OFFLOADED"} == set(statuses(cloud).values())
    plans = get_prices(cloud.api()).plans
    saved = sum(plans[f"{flavor}.consumption"].hourly or 0 for flavor in ("b2-15", "b2-30", "b2-30"))
    assert f"3 instances cost {saved:.4f} EUR less an hour, but for their snapshots" in notes(ended)
    assert "billed on as before" in notes(ended)
    assert 0 == dev.run("power", "on").code
    assert {"ACTIVE"} == set(statuses(cloud).values())
    assert "unshelve cp-1" == asked(cloud, "unshelve")[0]


def test_what_is_off_on_purpose_is_said_so(dev: Office, cloud: Cloud) -> None:
    """Drift starts nothing, and says why instances are off; a start in place is all that a plan has."""
    dev.run("power", "off")

    drift, status = dev.run("drift"), dev.run("power", "status", "--json")

    assert 3 == drift.code
    assert [
        f"change instance koprogo-{name}: SHUTOFF, as all of the fleet: powered off -> ACTIVE"
        for name in ("cp-1", "worker-1", "worker-2")
    ] == drift.out.splitlines()
    assert {("SHUTOFF", "by the hour, as if it were on")} == {
        (node["status"], node["billed"]) for node in status.json["nodes"]
    }
    assert [] == asked(cloud, "start")


def test_a_fleet_that_may_not(office: Office, cloud: Cloud) -> None:
    """Without the word in fleet.yaml nothing is switched off, and no timer is made; the field is named."""
    office.provision()

    ended = office.run("power", "off")
    timer = office.run("power", "timer", "--off", "20:00", "--on", "07:00")

    assert (2, 2) == (ended.code, timer.code)
    assert "power.may_switch_off" in ended.err
    assert {"ACTIVE"} == set(statuses(cloud).values())


def test_the_environment_is_chosen(dev: Office, cloud: Cloud) -> None:
    """--env and KOPROGO_ENV name the folder; the fleet in production is not touched."""
    before = len(cloud.requests("POST"))

    missing, named = dev.run("power", "off", "--env", "dev"), dev.run("power", "off", KOPROGO_ENV="dev")

    assert (2, 2) == (missing.code, named.code)
    assert "inventory/dev/fleet.yaml" in missing.err
    assert "inventory/dev/fleet.yaml" in named.err
    assert before == len(cloud.requests("POST"))


@pytest.mark.exhaustive
def test_lost_answers(dev: Office, cloud: Cloud) -> None:
    """A call that was carried out without an answer is not the end, nor one that was not carried out."""
    cloud.fault("timeout-after-success", "POST", "*/stop")
    cloud.fault("500-html", "POST", "*/stop")

    ended = dev.run("power", "off", "--json")

    assert 0 == ended.code, ended.out
    assert {"SHUTOFF"} == set(statuses(cloud).values())


def test_a_state_that_a_person_has_to_look_at(dev: Office, cloud: Cloud) -> None:
    """An instance in rescue mode is named before any other is switched off."""
    with cloud.state.change() as data:
        next(item for item in data["instances"].values() if item["name"] == "koprogo-cp-1")["status"] = "RESCUE"

    ended = dev.run("power", "off")

    assert 2 == ended.code
    assert "koprogo-cp-1 is RESCUE" in ended.err
    assert [] == asked(cloud, "stop")


def test_provision_starts_what_is_shelved(dev: Office, cloud: Cloud) -> None:
    """A plan brings a shelved fleet back in place; nothing is created."""
    dev.run("power", "off", "--shelve")
    before = len([entry for entry in cloud.requests("POST") if entry["path"].endswith("/instance")])

    dev.provision()

    until(lambda: set(statuses(cloud).values()) == {"ACTIVE"})
    assert before == len([entry for entry in cloud.requests("POST") if entry["path"].endswith("/instance")])


def test_timer_units_are_right(dev: Office) -> None:
    """What is written is what systemd itself accepts, and names the fleet's folder; nothing is installed."""
    folder = dev.folder / "units"
    arguments = ("power", "timer", "--off", "20:00", "--on", "07:00", "--days", "Mon..Fri", "--shelve")

    printed, written = dev.run(*arguments), dev.run(*arguments, "--write", str(folder))

    assert (0, 0) == (printed.code, written.code), written.err
    names = [f"koprogo-fleet-koprogo-power-{name}" for name in ("off.service", "off.timer", "on.service", "on.timer")]
    assert names == sorted(path.name for path in folder.iterdir())
    assert all((folder / name).read_text() in printed.out for name in names)
    assert "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 20:00:00" in printed.out
    assert f"--inventory {dev.folder}/inventory --env production --target ovh --shelve\n" in printed.out
    assert "off 103 of 168 hours a week" in written.err
    if (program := shutil.which("systemd-analyze")) is None:
        pytest.skip("no systemd-analyze here")
    verified = subprocess.run(
        [program, "verify", "--man=no", *(str(folder / name) for name in names)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (0, "") == (verified.returncode, verified.stderr), verified.stderr
