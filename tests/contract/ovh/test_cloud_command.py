"""``koprogo-fleet cloud plan | apply``: looked at today, carried out tomorrow, and only if nothing has moved."""

from __future__ import annotations

from decimal import Decimal

from commands_at_emulator import Office
from emulated_cloud import Cloud

from koprogo_fleet.core.runs import list_runs
from koprogo_fleet.ovh.instances import list_instances
from koprogo_fleet.ssh.host_keys import KnownHosts


def names(cloud: Cloud) -> list[str]:
    """Return the names of the instances."""
    return sorted(item.name for item in list_instances(cloud.api()))


def test_planned_saved_and_applied(office: Office, cloud: Cloud) -> None:
    """A plan is shown with exit code 3 and saved for us alone; applied, nothing is left to do; host keys are recorded."""
    planned = office.run("cloud", "plan", "--out", "first.plan")
    assert 3 == planned.code, planned.err
    assert "create" in planned.out
    assert "instance koprogo-worker-2" in planned.out
    assert 0o600 == (office.folder / "first.plan").stat().st_mode & 0o777
    assert [] == cloud.requests("POST")

    applied = office.run("cloud", "apply", "first.plan")
    assert 0 == applied.code, applied.err
    again = office.run("cloud", "plan")

    assert 0 == again.code
    assert "Nothing to do" in again.out
    assert ["koprogo-cp-1", "koprogo-worker-1", "koprogo-worker-2"] == names(cloud)
    assert KnownHosts(office.inventory / "known_hosts").get("koprogo-worker-2")
    (run,) = list_runs(office.state)
    assert ("cloud apply", "done") == (run.command, run.state)


def test_json_for_machines(office: Office) -> None:
    """--json is one object with every step: what, why, whether data is lost; and the same exit code."""
    office.provision()
    office.edit("flavor: b2-30", "flavor: b2-15")

    planned = office.run("cloud", "plan", "--json")

    assert 3 == planned.code
    replaced = [step for step in planned.json["steps"] if step["kind"] == "instance"]
    assert [("replace", "flavor b2-30", "flavor b2-15", True)] * 2 == [
        (step["action"], step["old"], step["new"], step["loses_data"]) for step in replaced
    ]
    assert ("koprogo", "ovh") == (planned.json["fleet"], planned.json["target"])


def test_the_price_is_part_of_the_plan(office: Office) -> None:
    """What the steps add to the bill is said, to people and to machines; two nodes of half the size cost half as much."""
    office.provision()
    office.edit("flavor: b2-30", "flavor: b2-15")

    shown = office.run("cloud", "plan")
    cost = office.run("cloud", "plan", "--json").json["cost"]

    assert f"{cost['change']} {cost['currency']} a month, {cost['after']} in all" in shown.out
    assert Decimal(cost["change"]) == Decimal(cost["after"]) - Decimal(cost["before"]) < 0
    assert ["instance koprogo-worker-1", "instance koprogo-worker-2"] == [step["what"] for step in cost["steps"]]
    assert "CO2" in shown.out


def test_above_the_budget_nothing_is_done(office: Office, cloud: Cloud) -> None:
    """A plan above the budget is shown and has exit code 2; nobody can carry it out, either."""
    planned = office.run("cloud", "plan", "--out", "dear.plan", "--budget", "10")
    applied = office.run("cloud", "apply", "dear.plan", "--budget", "10")

    assert (2, 2) == (planned.code, applied.code)
    assert "create" in planned.out
    assert "more than the budget of 10.00" in planned.err
    assert "nothing was done" in applied.err
    assert [] == cloud.requests("POST")


def test_no_call_but_lists_where_nothing_is_to_be_done(office: Office, cloud: Cloud) -> None:
    """The plan of a fleet that is as desired asks each list once, and nothing else."""
    office.provision()
    before = len(cloud.requests())

    assert 0 == office.run("cloud", "plan").code

    asked = cloud.requests()[before:]
    assert {"GET"} == {entry["method"] for entry in asked}
    assert len(asked) < 20


def test_what_moved_is_named(office: Office) -> None:
    """An edited fleet.yaml and a changed object each stop it before anything is done, and are named."""
    office.run("cloud", "plan", "--out", "first.plan")
    office.edit("flavor: b2-15", "flavor: b2-30")
    edited = office.run("cloud", "apply", "first.plan")
    office.edit("count: 1, flavor: b2-30", "count: 1, flavor: b2-15")
    office.provision()
    moved = office.run("cloud", "apply", "first.plan")

    assert (2, 2) == (edited.code, moved.code)
    assert "out of date: pools in fleet.yaml" in edited.err
    assert "instance koprogo-cp-1" in moved.err
    assert "make a new plan" in moved.err


def test_data_is_lost_only_by_name(office: Office, cloud: Cloud) -> None:
    """Without its name nothing is done; with --confirm, or typed on a terminal, that worker goes, with its volume."""
    office.provision()
    office.edit("count: 2", "count: 1")
    shown = office.run("cloud", "plan", "--out", "less.plan")
    assert "--confirm koprogo-worker-2" in shown.out

    refused = office.run("cloud", "apply", "less.plan")
    mistyped = office.run("cloud", "apply", "less.plan", types="koprogo-worker-1\n")
    assert (1, 3) == (refused.code, mistyped.code)
    assert "add --confirm koprogo-worker-2" in refused.err
    assert "nothing was changed" in mistyped.err
    assert 3 == len(names(cloud))

    typed = office.run("cloud", "apply", "less.plan", types="koprogo-worker-2\n")
    assert 0 == typed.code, typed.err
    assert ["koprogo-cp-1", "koprogo-worker-1"] == names(cloud)


def test_confirmed_for_machines(office: Office, cloud: Cloud) -> None:
    """--json --confirm applies without a question, and tells its differences and its summary as lines."""
    office.provision()
    office.edit("count: 2", "count: 1")
    office.run("cloud", "plan", "--out", "less.plan")

    applied = office.run("cloud", "apply", "less.plan", "--json", "--confirm", "koprogo-worker-2")

    assert 0 == applied.code, applied.err
    assert ["target", "summary"] == [applied.lines[0]["event"], applied.lines[-1]["event"]]
    assert 3 == applied.lines[-1]["changed"]
    assert ["koprogo-cp-1", "koprogo-worker-1"] == names(cloud)


def test_no_plan_in_the_file(office: Office) -> None:
    """A file that is missing, or is something else, is explained."""
    (office.folder / "notes").write_text("hello")

    missing, other = office.run("cloud", "apply", "nowhere"), office.run("cloud", "apply", "notes")

    assert (2, 2) == (missing.code, other.code)
    assert "cannot read the plan nowhere: No such file" in missing.err
    assert "koprogo-fleet cloud plan --out nowhere" in missing.err
    assert "no saved plan" in other.err


def test_only_provision_is_resumed(office: Office) -> None:
    """A cloud apply that failed is not resumed as a provision: the command to run again is named."""
    office.run("cloud", "apply", "nowhere")
    office.run("cloud", "plan", "--out", "first.plan")
    office.edit("flavor: b2-15", "flavor: b2-30")
    office.run("cloud", "apply", "first.plan")

    resumed = office.run("runs", "resume", "--yes")

    assert 2 == resumed.code
    assert "was koprogo-fleet cloud apply" in resumed.err
