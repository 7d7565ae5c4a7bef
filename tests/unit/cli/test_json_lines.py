"""What machines see of a run, and that the reference says the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from shown_runs import CHANGE, CREATE, EVENTS, report

from koprogo_fleet.cli import event_reference
from koprogo_fleet.cli.json_view import JsonView
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Event, Note

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
SCHEMA = json.loads((REFERENCE / "events.schema.json").read_text(encoding="utf-8"))
VALID = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
ERROR = InputError("no fleet.yaml", cause="wrong folder", next_step="cd elsewhere")

SENT: dict[str, Callable[[JsonView], None]] = {
    "target": lambda view: view.target("lab", "it was asked for"),
    **{name: lambda view, event=event: view.event(event) for name, event in EVENTS.items()},  # type: ignore[misc]
    "differences": lambda view: view.differences("Plan", report()),
    "error": lambda view: view.summary("lab", report(), error=ERROR),
    "summary": lambda view: view.summary("lab", report(), ["Next: rest"]),
}


def printed(capsys: pytest.CaptureFixture[str], send: Callable[[JsonView], None]) -> list[dict[str, Any]]:
    """Return the lines that a view prints."""
    with JsonView() as view:
        send(view)
    shown = capsys.readouterr()

    assert "" == shown.err
    return [json.loads(line) for line in shown.out.splitlines()]


@pytest.mark.parametrize("kind", SENT)
def test_every_line_is_valid(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line has its name, the time in UTC, and exactly the fields that the schema in the documentation describes."""
    line = printed(capsys, SENT[kind])[0]

    assert kind == line["event"]
    VALID.validate(line)
    (model,) = (model for model in event_reference.LINES if model.model_fields["event"].default == kind)
    assert set(model.model_fields) == set(line)
    assert timedelta() <= datetime.now(tz=UTC) - datetime.fromisoformat(line["time"]) < timedelta(minutes=1)


def test_the_schema_can_refuse() -> None:
    """A line that lacks a field, or has a wrong one, is not valid."""
    line = {"event": "note", "time": "2026-01-01T00:00:00.000+00:00", "text": "x"}

    assert VALID.is_valid(line)
    assert not VALID.is_valid({**line, "text": 7})
    assert not VALID.is_valid({**line, "event": "nothing"})
    assert not VALID.is_valid({"event": "note", "text": "x"})


def test_every_event_has_a_line() -> None:
    """No class of events is forgotten, by the views' test data or by the reference."""
    kinds = [model.model_fields["event"].default for model in event_reference.LINES]

    assert {type(event) for event in EVENTS.values()} == set(get_args(Event))
    assert sorted(SENT) == sorted(kinds)


def test_the_reference_is_up_to_date(tmp_path: Path) -> None:
    """The pages in the repository are what the models say today."""
    event_reference.write(tmp_path)

    for name in ("events.md", "events.schema.json"):
        renew = "run: python -m koprogo_fleet.cli.event_reference docs/reference"
        assert (tmp_path / name).read_text() == (REFERENCE / name).read_text(), renew


def test_every_field_has_a_meaning() -> None:
    """Nothing is in the reference without words."""
    models = [*event_reference.LINES, *event_reference.PARTS]

    assert [] == [
        (model, name)
        for model in models
        for name, field in model.model_fields.items()
        if name != "event" and not field.description
    ]


def test_differences_are_the_same_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """A host's differences are the same data while it runs, and in a plan."""
    (listed,), (of_host,) = printed(capsys, SENT["differences"]), printed(capsys, SENT["host"])

    expected = {
        "operation": "change",
        "what": CHANGE.what,
        "old": "2 lines",
        "new": "[3] lines",
        "detail": CHANGE.detail,
    }
    assert [expected] == of_host["differences"] == listed["hosts"]["cp-1"]
    assert [CREATE.what] == [difference["what"] for difference in listed["differences"]]


def test_the_last_line_counts_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary adds up differences in and outside of hosts, and says of each host how it ended and why."""
    (summary,) = printed(capsys, SENT["summary"])

    hosts = summary.pop("hosts")
    del summary["time"]
    assert {"event": "summary", "target": "lab", "changed": 2, "failed": 2, "seconds": 12.3} == summary
    assert {
        "status": "changed",
        "reason": "",
        "changed": 1,
        "failed": False,
        "error": None,
        "not_applicable": [["sysctl", "read-only"]],
        "seconds": {"Baseline": 1.23, "K3s": 2.0},
    } == hosts["cp-1"]
    assert ("unreachable", True, "cp-2: no route") == tuple(hosts["cp-2"][key] for key in ("status", "failed", "error"))
    assert "unchanged" == hosts["cp-4"]["status"]


def test_the_summary_is_last_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """An error is the line before the summary."""
    assert ["error", "summary"] == [line["event"] for line in printed(capsys, SENT["error"])]


def test_any_text_is_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """Line separators, controls and half surrogate pairs of a node's output neither break a line nor the encoding."""
    text = "a\nb\u2028c\x85d\x1b[2J\ud800é"
    with JsonView() as view:
        view.event(Note(text))
    out = capsys.readouterr().out

    assert out.isascii()
    assert 1 == len(out.splitlines())
    assert text == json.loads(out)["text"]
