"""What is told of each control, from what was found of the resources that make it so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.hosts.baseline import kernel, people, sshd
from koprogo_fleet.hosts.baseline.controls import CONTROLS
from koprogo_fleet.hosts.baseline.node import Attachments, baseline
from koprogo_fleet.hosts.baseline.verdict import Status, Verdict, verdicts
from koprogo_fleet.hosts.found import Found

FLEET = Fleet.model_validate(
    {
        "name": "f",
        "pools": [
            {"name": "cp", "role": "server", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.11"},
            {"name": "worker", "role": "agent", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.21"},
        ],
        "k3s": {"version": "v1.33.4+k3s1"},
        "people": [{"name": "alice", "keys": ["ssh-ed25519 AAAAC3Nza a"], "sudo": True}],
        "hardening": {"reboot": {"days": ["sun"], "from": "03:00", "to": "05:00"}},
    }
)
ALL = tuple(
    Found(item.name) for item in baseline(FLEET, FLEET.nodes[1], Attachments("fa:16:3e:00:00:01", "5a1f"), asked=0.0)
)


def with_found(name: str, **found: Any) -> tuple[Found, ...]:
    """Return what was found, with this of one resource."""
    assert any(item.resource == name for item in ALL), name
    return tuple(replace(item, **found) if item.resource == name else item for item in ALL)


def changed(found: tuple[Verdict, ...], status: Status) -> list[str]:
    """Return the controls that have a status."""
    return [item.control.number or item.control.title for item in found if item.status is status]


def test_a_node_that_is_as_desired_passes() -> None:
    """Where nothing differs, nothing fails; what is left out on purpose says why."""
    found = verdicts(ALL, mended=False)

    assert [] == changed(found, Status.FAIL)
    assert {"1.1.1.6", "3.3.1", "5.1.8", "6.2.3.20"} == set(changed(found, Status.NOT_APPLICABLE))
    assert all(item.reason for item in found if item.status is Status.NOT_APPLICABLE)


def test_every_resource_has_its_control_and_every_control_its_resource() -> None:
    """No control stands for something that the baseline does not have, and no part of the baseline is told of nowhere."""
    # Of fleets with certificates, without a window, or without people who may become root.
    elsewhere = {"host certificate", "service koprogo-reboot", f"path {people.SUDOERS}"}
    prefixes = [made.resource for control in CONTROLS for made in control.by if made.resource not in elsewhere]

    assert [] == [prefix for prefix in prefixes if not any(item.resource.startswith(prefix) for item in ALL)]
    assert [] == [item.resource for item in ALL if not item.resource.startswith(tuple(prefixes))]


def test_no_number_is_there_twice() -> None:
    """A control of a guide has one line."""
    numbers = [control.number for control in CONTROLS if control.number]

    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(("mended", "status"), [(False, Status.FAIL), (True, Status.FIXED)])
def test_a_setting_in_a_file_concerns_its_control_alone(mended: bool, status: Status) -> None:  # noqa: FBT001
    """Of a file with many settings only those lines count that differ, not those around them."""
    detail = "--- now\n+++ desired\n@@ -1 +1 @@\n UsePAM yes\n-MaxAuthTries 20\n+MaxAuthTries 4\n X11Forwarding no"
    difference = Difference(Operation.CHANGE, f"content of file {sshd.DROP_IN}", detail=detail)

    found = verdicts(with_found(f"file {sshd.DROP_IN}", differences=(difference,)), mended=mended)

    assert ["5.1.16"] == changed(found, status)


def test_what_no_control_stands_for_is_told_too() -> None:
    """A difference that is none of the settings' own, such as a file's owner, has a line of its own."""
    difference = Difference(Operation.CHANGE, f"owner of file {sshd.DROP_IN}", "alice", "root")

    found = verdicts(with_found(f"file {sshd.DROP_IN}", differences=(difference,)), mended=False)

    assert [f"The file {sshd.DROP_IN} is as the baseline says"] == changed(found, Status.FAIL)


def test_what_a_container_cannot_set_is_told_setting_by_setting() -> None:
    """A part that cannot be had takes its own control with it, and no other one of the same resource."""
    reason = "fs.suid_dumpable: read-only here, it is 1; kernel.yama.ptrace_scope: read-only here, it is 0"

    found = verdicts(with_found(f"kernel settings of {kernel.MEMORY_FILE}", not_applicable=reason), mended=False)

    told = {item.control.number: (item.status, item.reason) for item in found}
    assert (Status.PASS, "") == told["1.5.1"]
    assert (Status.NOT_APPLICABLE, "kernel.yama.ptrace_scope: read-only here, it is 0") == told["1.5.2"]


def test_what_is_wrong_weighs_more_than_what_cannot_be() -> None:
    """A control of which one part differs and another cannot be had fails, and says both."""
    wrong = Difference(Operation.CHANGE, "kernel setting kernel.panic", "0", "10")
    name = f"kernel settings of {kernel.KUBELET_FILE}"

    found = verdicts(with_found(name, differences=(wrong,), not_applicable="vm.panic_on_oom: read-only"), mended=False)

    (told,) = [item for item in found if item.control.guide == "K3s CIS guide"]
    assert Status.FAIL is told.status
    assert "kernel.panic" in told.reason
    assert "vm.panic_on_oom: read-only" in told.reason
