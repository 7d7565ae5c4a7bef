"""The report of the baseline's controls: for people, for machines, and as a page."""

from __future__ import annotations

import json
from io import StringIO

from rich.console import Console

from koprogo_fleet.cli.hardening import as_page, as_plain_values, rows, show
from koprogo_fleet.hosts.baseline.controls import CIS, FLEET, Control, Made
from koprogo_fleet.hosts.baseline.verdict import Status, Verdict
from koprogo_fleet.workflows.harden import Hardened

TRIES = Control(CIS, "5.1.16", "sshd MaxAuthTries is configured", (Made("file x", ("MaxAuthTries",)),))
SWAP = Control(FLEET, "", "Swap is <off>", (Made("swap"),))
RESULT = Hardened(
    {
        "cp-1": (Verdict(TRIES, Status.PASS), Verdict(SWAP, Status.PASS)),
        "cp-2": (Verdict(TRIES, Status.FAIL, "content of <x> & [y]"), Verdict(SWAP, Status.PASS)),
    },
    {"cp-3": "no route to <host>"},
)


def test_nodes_that_agree_share_a_line() -> None:
    """A control has one line for each answer, with the nodes that gave it."""
    assert [
        (TRIES, Status.PASS, ("cp-1",)),
        (TRIES, Status.FAIL, ("cp-2",)),
        (SWAP, Status.PASS, ("cp-1", "cp-2")),
    ] == [(row.control, row.status, row.nodes) for row in rows(RESULT)]


def test_people_see_what_fails_and_who_could_not_be_asked() -> None:
    """The table shows state and reason as they are, then the nodes that failed, then the counts."""
    printed = StringIO()

    show(Console(file=printed, width=200), RESULT)

    told = printed.getvalue()
    assert "content of <x> & [y]" in told
    assert "Error: cp-3: no route to <host>" in told
    assert "3 pass, 0 fixed, 1 fail, 0 not applicable, on 2 nodes; 1 failed." in told


def test_machines_get_plain_values() -> None:
    """The JSON names each control's resources, and says whether all is well."""
    told = json.loads(json.dumps(as_plain_values("f", RESULT)))

    assert (False, {"cp-3": "no route to <host>"}) == (told["passed"], told["failed"])
    assert {"pass": 3, "fixed": 0, "fail": 1, "not applicable": 0} == told["counts"]
    assert {
        "guide": CIS,
        "number": "5.1.16",
        "title": "sshd MaxAuthTries is configured",
        "resources": ["file x"],
        "status": "fail",
        "reason": "content of <x> & [y]",
    } == told["nodes"]["cp-2"][0]


def test_a_page_shows_what_nodes_said_as_text() -> None:
    """Nothing that a node said becomes a part of the page itself."""
    page = as_page("f", RESULT)

    assert "content of &lt;x&gt; &amp; [y]" in page
    assert "Swap is &lt;off&gt;" in page
    assert "no route to &lt;host&gt;" in page


def test_a_node_that_was_not_asked_is_no_pass() -> None:
    """All pass only where every node was asked, and nothing fails."""
    asked = dict.fromkeys(("cp-1", "cp-2"), RESULT.nodes["cp-1"])

    assert Hardened(asked, {}).all_pass
    assert not Hardened(asked, {"cp-3": "off"}).all_pass
    assert not Hardened(RESULT.nodes, {}).all_pass
