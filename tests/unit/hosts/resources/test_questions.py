"""What looks ask together is answered as if each asked alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from local_node import facts_of, sh

from koprogo_fleet.hosts.questions import Checksum, PathStatus, Question, UnitProperties, ask_all
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Absent, Directory, File, Line, Service

NAMES = (
    "file", "other", "two words", "it's", 'say "x"', "$(id)", "*", "[a]", "bar|", "bar|baz", "back\\slash", "-x", "é", "return\r",
)  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Fill a directory with all that can be in a place."""
    for name in NAMES:
        (tmp_path / name).write_text(f"{name}\n")
    (tmp_path / "empty").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def test_together_as_alone(directory: Path) -> None:
    """Whatever is in a place, and whatever it is called, each fact is the one that the look finds by itself."""
    places = [*(str(path) for path in directory.iterdir()), f"{directory}/nothing", f"{directory}/directory/nothing"]
    resources: list[Resource] = []
    for place in places:
        resources += [File(place, "file\n"), Directory(place), Line(place, "file"), Absent(place)]

    together = facts_of(resources)

    for resource, fact in zip(resources, together, strict=True):
        assert facts_of([resource]) == (fact,), resource.name


def test_services_together_as_alone() -> None:
    """The same with units, also where there is no systemd to ask."""
    resources = [Service("ssh"), Service("no-such"), Service("foo@"), Service("getty@tty1"), Service("cron.service")]

    assert facts_of(resources) == tuple(facts_of([resource])[0] for resource in resources)


def test_two_are_asked_at_once(tmp_path: Path) -> None:
    """The answers are in the variables that the looks take them from: nothing is asked a second time."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    questions: list[Question] = [ask(str(path)) for path in (one, two) for ask in (PathStatus, Checksum)]
    printed = [f'printf "%s\\n" "${question.variable}"' for question in questions]

    answers = sh("\n".join([*ask_all(questions), *printed]).encode()).stdout.decode().splitlines()

    assert [line.partition("|")[0] for line in answers] == [
        "regular file", "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
        "regular file", "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
    ]  # fmt: skip


def test_an_answer_that_lacks_a_unit_is_not_used(tmp_path: Path) -> None:
    """If systemd leaves one out, no unit is given another's properties."""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text("#!/bin/sh\nprintf 'ActiveState=active\\n\\nActiveState=failed\\n'\n")
    systemctl.chmod(0o755)
    questions = [UnitProperties(name, "ActiveState") for name in ("a.service", "b.service", "c.service")]
    printed = [f'printf "<%s>" "${{{question.variable}-}}"' for question in questions]
    script = "\n".join([f"PATH={tmp_path}:$PATH", *ask_all(questions), *printed])

    assert b"<><><>" == sh(script.encode()).stdout


def test_one_is_not_asked_beforehand(tmp_path: Path) -> None:
    """For a single file there is nothing to gain."""
    assert ask_all([PathStatus(str(tmp_path)), Checksum(str(tmp_path)), UnitProperties("ssh", "ActiveState")]) == []
