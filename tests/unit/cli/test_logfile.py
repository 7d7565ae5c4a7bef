"""A run in a file: complete, appended, and for its owner alone."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from shown_runs import EVENTS, report

from koprogo_fleet.cli.logfile import LogFile
from koprogo_fleet.cli.several import Several
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Note

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


def logged(path: Path) -> list[str]:
    """Return the lines of a log, each of which has a time."""
    lines = path.read_text(encoding="utf-8").splitlines()

    assert [] == [line for line in lines if not STAMP.match(line)]
    return [STAMP.sub("", line, count=1) for line in lines]


def test_everything_is_in_it(tmp_path: Path) -> None:
    """The target, every event, how each host ended, and the error are lines, in that order."""
    path = tmp_path / "log"
    with LogFile(path) as log:
        log.target("lab", "it was asked for")
        for event in EVENTS.values():
            log.event(event)
        log.differences("Plan", report())
        log.summary("lab", report(), error=InputError("no fleet.yaml\nat all", cause="wrong folder", next_step="cd x"))

    assert [
        "target lab: it was asked for",
        "phase Baseline: begins",
        "host cp-1: Baseline begins",
        "waiting for cp-1 answers - connection refused (30 s left)",
        "host cp-1: Baseline done after 1.2 s",
        "host cp-1: change file /etc/hosts: 2 lines -> [3] lines",
        "        @@",
        "        -a",
        "        +b",
        "phase Baseline: ended after 2.3 s, 1 difference",
        "no fleet is described here",
        "journal: record 7 is on the disk",
        "cost: +38.70 EUR a month, 400.00 in all, without tax; the budget is 400.00",
        "cost: not in it, for there is no price: instance koprogo-cp-9",
        "cost: CO2: about 12.3 kg a month - an estimate",
        "cost: volume koprogo-worker-1: 0.00 -> 38.70 EUR a month",
        "Plan: create volume koprogo-worker-1: 200 GB",
        "Plan, host cp-1: change file /etc/hosts: 2 lines -> [3] lines",
        "        @@",
        "        -a",
        "        +b",
        "host cp-1: changed",
        "host cp-2: unreachable: cp-2: no route",
        "host cp-3: unreachable: cp-3: no route",
        "host cp-4: unchanged",
        "error InputError: no fleet.yaml",
        "    at all",
        "likely cause: wrong folder",
        "next: cd x",
        "ended after 12 s: 2 differences, 2 failed",
    ] == logged(path)


def test_it_is_appended_to_and_private(tmp_path: Path) -> None:
    """A second run comes after the first; a new file is its owner's alone, whatever the umask."""
    path = tmp_path / "log"
    before = os.umask(0)
    try:
        for text in ("first", "second"):
            with LogFile(path) as log:
                log.event(Note(text))
    finally:
        os.umask(before)

    assert ["first", "second"] == logged(path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_no_text_can_forge_a_line(tmp_path: Path) -> None:
    """Whatever separates lines somewhere is indented or shown as text."""
    with LogFile(tmp_path / "log") as log:
        log.event(Note("a\n2026-01-01T00:00:00.000Z error: forged\r\x1b[2K\x85\u2028b"))

    assert ["a", r"    2026-01-01T00:00:00.000Z error: forged\x0d\x1b[2K\x85", "    b"] == logged(tmp_path / "log")


def test_a_bug_leaves_its_name_alone(tmp_path: Path) -> None:
    """An end that nobody explained is in the log, but not its text, which may quote anything."""

    def fail() -> None:
        with LogFile(tmp_path / "log"):
            raise RuntimeError("hunter2")

    with pytest.raises(RuntimeError):
        fail()

    assert ["ended by RuntimeError"] == logged(tmp_path / "log")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A missing folder is found before the run begins, a full disk when it happens; both say what to do."""
    with pytest.raises(InputError, match=r"cannot write the log file .*No such file") as caught:
        LogFile(tmp_path / "none" / "log")
    assert "--log-file" in str(caught.value.next_step)

    with LogFile(Path("/dev/full")) as log, pytest.raises(InputError, match="/dev/full: No space left") as caught:
        log.event(Note("x"))
    assert "the disk is full" == caught.value.cause


def test_several_views_see_the_same(tmp_path: Path) -> None:
    """Each view gets every call, and each is put away though another fails."""
    paths = [tmp_path / "one", tmp_path / "two"]
    with Several(*map(LogFile, paths)) as views:
        views.target("lab", "it was asked for")
        views.event(Note("text"))
        views.differences("Plan", report())
        views.summary("lab", report(), planned=True)

    assert logged(paths[0]) == logged(paths[1])
    assert "planned after 12 s: 2 differences, 2 failed" == logged(paths[0])[-1]
