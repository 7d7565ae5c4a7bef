"""What people and machines see of a run."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from koprogo_fleet.cli.render import JsonView, PeopleView, View
from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, Unreachable
from koprogo_fleet.core.events import HostDone, Note, PhaseEnded, PhaseStarted, Waiting
from koprogo_fleet.workflows.run import HostReport, Report

DOCUMENTED = Path(__file__).parents[3] / "docs" / "reference" / "json.md"

CHANGE = Difference(Operation.CHANGE, "file /etc/hosts", "2 lines", "[3] lines", "--- now\n+++ desired\n@@\n-a\n+b")
CREATE = Difference(Operation.CREATE, "volume koprogo-worker-1", new="200 GB")

SENT: dict[str, Callable[[View], None]] = {
    "target": lambda view: view.target("lab", "it was asked for"),
    "phase-started": lambda view: view.event(PhaseStarted("Baseline")),
    "waiting": lambda view: view.event(Waiting("cp-1 answers", "connection refused", 29.96)),
    "host": lambda view: view.event(HostDone("cp-1", "Baseline", (CHANGE,), 1.234)),
    "phase-ended": lambda view: view.event(PhaseEnded("Baseline", 2.345, 1)),
    "note": lambda view: view.event(Note("no fleet is described here")),
    "differences": lambda view: view.differences("Plan", report()),
    "error": lambda view: view.error(InputError("no fleet.yaml", cause="wrong folder", next_step="cd elsewhere")),
    "summary": lambda view: view.summary("lab", report(), ["Next: rest"]),
}


def report() -> Report:
    """Return a run that created a volume, changed one host, and failed on another."""
    changed = HostReport([CHANGE], {"Baseline": 1.234, "K3s": 2.0}, [("sysctl", "read-only")])
    failed = HostReport(error=Unreachable("cp-2", "no route"), not_applicable=[("sysctl", "read-only")])
    return Report({"cp-1": changed, "cp-2": failed}, [CREATE], 12.34)


def documented(heading: str) -> set[str]:
    """Return the fields that a section of docs/reference/json.md lists."""
    section = re.split(r"^## ", DOCUMENTED.read_text().partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def for_machines(capsys: pytest.CaptureFixture[str], send: Callable[[View], None]) -> dict[str, Any]:
    """Return the one line that JsonView prints."""
    with JsonView() as view:
        send(view)
    shown = capsys.readouterr()
    (line,) = shown.out.splitlines()
    found: dict[str, Any] = json.loads(line)

    assert "" == shown.err
    return found


def for_people(send: Callable[[View], None], *, terminal: bool = False) -> str:
    """Return what PeopleView prints, without colours."""
    console = Console(file=io.StringIO(), width=200, force_terminal=terminal, color_system=None)
    with PeopleView(console) as view:
        send(view)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("kind", SENT)
def test_every_json_event_has_the_documented_fields(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An event is one line with its name and exactly the fields that the reference lists."""
    fields = for_machines(capsys, SENT[kind])

    assert kind == fields.pop("event")
    assert documented(f"`{kind}`") == set(fields)


def test_the_reference_lists_these_events_and_no_other() -> None:
    """A section of the reference is an event, or the difference inside of some."""
    sections = re.findall(r"^## `([\w-]+)`$", DOCUMENTED.read_text(), re.MULTILINE)

    assert list(SENT) == sections


def test_a_difference_has_the_documented_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """Differences are the same data wherever they are."""
    listed = for_machines(capsys, SENT["differences"])
    of_host = for_machines(capsys, SENT["host"])["differences"]

    assert documented("A difference") == set(listed["differences"][0]) == set(of_host[0])
    assert {"cp-1": of_host, "cp-2": []} == listed["hosts"]


def test_the_last_json_line_counts_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary adds up differences in and outside of hosts, and says which host failed."""
    assert {
        "event": "summary",
        "target": "lab",
        "changed": 2,
        "failed": 1,
        "hosts": {
            "cp-1": {
                "changed": 1,
                "failed": False,
                "not_applicable": [["sysctl", "read-only"]],
                "seconds": {"Baseline": 1.23, "K3s": 2.0},
            },
            "cp-2": {"changed": 0, "failed": True, "not_applicable": [["sysctl", "read-only"]], "seconds": {}},
        },
        "seconds": 12.3,
    } == for_machines(capsys, SENT["summary"])


def test_people_see_each_difference_with_its_diff() -> None:
    """Differences are under their host, with a sign and the lines of the diff; brackets are text, not colours."""
    shown = for_people(SENT["differences"])

    assert "  + create volume koprogo-worker-1: 200 GB\n" in shown
    assert "cp-1\n  ~ change file /etc/hosts: 2 lines -> [3] lines\n    @@\n    -a\n    +b\n" in shown
    assert "cp-2" not in shown
    assert "2 differences in all." in shown


def test_people_see_how_the_run_ended() -> None:
    """The table has a line for each host, and the last lines say what changed and what to do next."""
    shown = for_people(SENT["summary"])

    assert re.search(r"cp-1 .* 1\.2 .* 2\.0 .* 1 .* as desired", shown)
    assert re.search(r"cp-2 .* 0 .* failed", shown)
    assert "Not applicable on every host: sysctl (read-only)" in shown
    assert "2 changes, 1 failed, 12 s.\n  Next: rest\n" in shown


def test_people_see_errors_in_three_lines() -> None:
    """What was seen, the likely cause, the next step; a line without words is left out."""
    assert "Error: no fleet.yaml\nLikely cause: wrong folder\nNext: cd elsewhere\n" == for_people(SENT["error"])
    assert "Error: [x]\n" == for_people(lambda view: view.error(InputError("[x]")))


def test_a_log_has_no_waits() -> None:
    """Without a terminal waits are not shown, and phases are lines."""
    assert "" == for_people(SENT["waiting"])
    assert "Baseline\n" == for_people(SENT["phase-started"])


def test_a_terminal_shows_what_is_waited_for() -> None:
    """With a terminal the spinner names the condition, what was seen, and the time that is left."""

    def send(view: View) -> None:
        SENT["phase-started"](view)
        SENT["waiting"](view)

    assert "Baseline: cp-1 answers - connection refused (30 s left)" in for_people(send, terminal=True)


def test_hosts_are_lines_when_they_say_something() -> None:
    """A host that changed or failed gets a line; one that is as desired gets none."""
    assert "  cp-1: 1 difference 1.2 s\n" == for_people(SENT["host"])
    assert "  ✗ cp-1 failed after 0.0 s\n" == for_people(
        lambda view: view.event(HostDone("cp-1", "Baseline", error="no route"))
    )
    assert "" == for_people(lambda view: view.event(HostDone("cp-1", "Baseline")))
