"""What people see of a run."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console
from shown_runs import EVENTS, report, unreachable

from koprogo_fleet.cli.render import QUIET_SECONDS, PeopleView
from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.core.events import HostDone, Note, Waiting
from koprogo_fleet.workflows.run import HostReport, Report


class Shown:
    """A view for people, and what it printed, without colours."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.now = 0.0
        self._out, self._errors = io.StringIO(), io.StringIO()
        self._view = PeopleView(
            Console(file=self._out, width=200, force_terminal=terminal, color_system=None),
            Console(file=self._errors, width=200, color_system=None),
            clock=lambda: self.now,
        )

    def by(self, *send: Callable[[PeopleView], object]) -> str:
        """Return what is on standard output after *send*."""
        with self._view as view:
            for call in send:
                call(view)
        return self._out.getvalue()

    @property
    def errors(self) -> str:
        """What is on standard error."""
        return self._errors.getvalue()


def test_people_see_each_difference_with_its_diff() -> None:
    """Differences are under their host, with a sign and the lines of the diff; brackets are text, not colours."""
    shown = Shown().by(lambda view: view.differences("Plan", report()))

    assert "  + create volume koprogo-worker-1: 200 GB\n" in shown
    assert "cp-1\n  ~ change file /etc/hosts: 2 lines -> [3] lines\n      @@\n      -a\n      +b\n" in shown
    assert "cp-2" not in shown
    assert "2 differences in all." in shown


def test_people_see_how_the_run_ended() -> None:
    """The table has each host with the word for its state, and the last lines say what changed and what to do next."""
    shown = Shown().by(lambda view: view.summary("lab", report(), ["Next: rest"]))

    assert re.search(r"cp-1 .* 1\.2 .* 2\.0 .* 1 .* changed ", shown)
    assert re.search(r"cp-2 .* 0 .* unreachable ", shown)
    assert re.search(r"cp-4 .* 0 .* unchanged ", shown)
    assert "Not applicable on every host: sysctl (read-only)" in shown
    assert "2 changes, 2 failed, 12 s.\n  Next: rest\n" in shown


def test_a_plan_changed_nothing() -> None:
    """The summary of a plan calls no host changed."""
    shown = Shown().by(lambda view: view.summary("lab", report(), planned=True))

    assert re.search(r"cp-1 .* 1 .* to change ", shown)
    assert "2 differences, 2 failed, 12 s.\n" in shown


def test_every_failed_host_is_explained_once() -> None:
    """All errors are on standard error, alike ones together, and the error that stopped the run is not told twice."""
    found = report()
    found.hosts["w-1"] = HostReport(error=NotConverged("w-1: a [directory] is there"))
    shown, stopped = Shown(), unreachable("cp-2")
    found.hosts["cp-2"].error = stopped

    out = shown.by(lambda view: view.summary("lab", found, error=stopped))

    expected = (
        "Error: cp-2, cp-3: no route\nLikely cause: it is off\nNext: look at it\nError: w-1: a [directory] is there\n"
    )
    assert expected == shown.errors
    assert "no route" not in out


def test_an_error_that_is_no_hosts_comes_last() -> None:
    """What stopped the run, but is no host's error, is shown after those of the hosts."""
    shown = Shown()

    shown.by(lambda view: view.summary("lab", report(), error=InputError("no fleet.yaml", cause="x", next_step="y")))

    assert shown.errors.endswith("Next: look at it\nError: no fleet.yaml\nLikely cause: x\nNext: y\n")


def test_a_bug_in_a_task_shows_its_class_alone() -> None:
    """The text of an error that nobody explained may quote anything: it is not shown."""
    error: Exception = RuntimeError("hunter2")
    shown = Shown()

    out = shown.by(
        lambda view: view.summary("lab", Report({"cp-1": HostReport(error=error)}), error=NotConverged("it failed"))  # type: ignore[arg-type]
    )

    assert "RuntimeError" in shown.errors
    assert "hunter2" not in out + shown.errors


def test_people_see_errors_in_three_lines() -> None:
    """What was seen, the likely cause, the next step; a line without words is left out."""
    shown = Shown()
    shown.by(lambda view: view.error(InputError("no fleet.yaml", cause="wrong folder", next_step="cd elsewhere")))
    shown.by(lambda view: view.error(InputError("[x]")))

    assert "Error: no fleet.yaml\nLikely cause: wrong folder\nNext: cd elsewhere\nError: [x]\n" == shown.errors


def test_nothing_that_a_node_says_drives_the_terminal() -> None:
    """Escape sequences are shown as text, wherever they come from."""
    shown = Shown()
    evil = "\x1b]0;owned\x07\x1b[2J\x9b1m\ud800"

    out = shown.by(
        lambda view: view.event(Note(evil)),
        lambda view: view.event(HostDone("cp-1", "Baseline", error=evil)),
        lambda view: view.error(InputError(evil, cause=evil)),
    )

    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out + shown.errors)
    assert r"\x1b]0;owned\x07" in out


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ("phase-started", "Baseline\n"),
        ("host-started", ""),
        ("waiting", ""),
        ("host", "  cp-1: 1 difference 1.2 s\n"),
        ("phase-ended", "✓ Baseline 2.3 s, 1 difference\n"),
        ("note", "  no fleet is described here\n"),
        ("journaled", ""),
    ],
)
def test_lines_without_a_terminal(event: str, line: str) -> None:
    """A log has one line for what is worth one."""
    assert line == Shown().by(lambda view: view.event(EVENTS[event]))


def test_hosts_are_lines_when_they_say_something() -> None:
    """A host that failed gets a line with the first line of its error; one that is as desired gets none."""
    failed = HostDone("cp-1", "Baseline", error="cp-1: no route\n  stderr: to host")

    assert "  ✗ cp-1 failed after 0.0 s: no route\n" == Shown().by(lambda view: view.event(failed))
    assert "" == Shown().by(lambda view: view.event(HostDone("cp-1", "Baseline")))


def test_a_log_tells_of_long_waits() -> None:
    """Without a terminal a wait is a line when it has lasted, and not again at each look."""
    shown = Shown()

    def look(view: PeopleView) -> None:
        for second in range(int(2.5 * QUIET_SECONDS)):
            shown.now = float(second)
            view.event(Waiting("cp-1 answers", "refused", 300.0 - second))

    assert "  waiting for cp-1 answers - refused (4:40 left)\n  waiting for cp-1 answers - refused (4:20 left)\n" == (
        shown.by(look)
    )


def test_a_log_tells_of_a_long_pause_at_once() -> None:
    """What will not be heard of for long is a line before it begins; a short pause is none."""
    long = Waiting("OVH API: GET /me", "rate-limited until 10:00:30", 30.0, pause=30.0)
    short = Waiting("OVH API: GET /me", "rate-limited until 10:00:02", 2.0, pause=2.0)

    assert "  waiting for OVH API: GET /me - rate-limited until 10:00:30 (30 s left)\n" == (
        Shown().by(lambda view: view.event(long))
    )
    assert "" == Shown().by(lambda view: view.event(short))


def test_a_terminal_shows_a_table_and_clears_it() -> None:
    """With a terminal the hosts, their phase and what is waited for are drawn; before a question nothing is in the way."""
    shown = Shown(terminal=True)
    events = (*EVENTS.values(), EVENTS["waiting"])
    out = shown.by(*(lambda view, event=event: view.event(event) for event in events))

    assert re.search(r"Host +Baseline", out)
    assert "cp-1 answers - connection refused" in out
    assert out.endswith("\x1b[2K"), "the last drawing was not erased"


def test_the_table_comes_back_after_a_question() -> None:
    """A pause lasts until the next phase begins, and what the table knew is in it again."""
    shown = Shown(terminal=True)

    def ask(view: PeopleView) -> None:
        view.event(EVENTS["host"])
        view.pause()
        asked = len(shown.by())
        view.event(EVENTS["phase-started"])
        view.pause()
        assert re.search(r"cp-1 +✓ 1.2 s \+1", shown.by()[asked:])

    shown.by(ask)
