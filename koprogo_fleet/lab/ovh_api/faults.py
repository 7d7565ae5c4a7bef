"""
Failures on demand, for tests: ``POST /lab/faults``.

A fault is ``{"method": "POST", "path": "/cloud/project/*/instance", "kind": "429", "times": 1}``, with ``"seconds"``
where the kind has a duration, ``"status"`` where it is a page, and ``"skip"``: so many calls are spared before. Faults are
part of the state: a restart keeps them.
"""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from koprogo_fleet.lab.ovh_api.errors import bad_request
from koprogo_fleet.lab.ovh_api.state import Record, State


class Kind(StrEnum):
    """What goes wrong."""

    RATE_LIMITED = "429"
    """Refused, with ``Retry-After: seconds``."""

    RATE_LIMITED_BARE = "429-bare"
    """Refused, without a word of when."""

    HTML_500 = "500-html"
    """A proxy's page instead of an answer, with *status* (502 unless said); nothing was done."""

    HTML_500_AFTER_SUCCESS = "500-html-after-success"
    """The same, and it was done."""

    EMPTY = "204"
    """It was done; the answer is empty."""

    TRUNCATED = "truncated"
    """It was done; the answer's JSON ends in the middle."""

    LATE_LISTS = "late-lists"
    """It was done; for *seconds* nothing shows it: whatever was read before is answered as it was."""

    NOT_FOUND = "404"
    """What the call is about is not found, although it exists."""

    QUOTA = "quota"
    """The project's quota is used up. OVH's own words for it are not documented."""

    TIMEOUT_AFTER_SUCCESS = "timeout-after-success"
    """It was done; *seconds* later the connection ends without an answer."""

    REFUSED = "403"
    """The consumer key has no right for this call."""

    ERROR_INSTANCE = "error-instance"
    """The created instance ends in ERROR."""

    NEVER_ACTIVE = "never-active"
    """The created instance stays in BUILD."""

    NEVER_BOOTS = "never-boots"
    """The created instance becomes ACTIVE, but nothing answers at its addresses."""

    NEVER_DONE = "never-done"
    """The operation or task that the call begins stays under way."""

    IN_ERROR = "in-error"
    """The operation or task that the call begins fails; what it was to create or change is in error."""

    ATTACH_FAILS = "attach-fails"
    """The volume is not attached, and is available again."""

    SLOW = "slow"
    """The operation or task that the call begins takes *seconds*."""

    ZERO_ID = "zero-id"
    """The created DNS record is answered with the number 0, as OVH does at times."""

    LOST_RECORD = "lost-record"
    """The same, and the record is not there."""


def add(state: State, body: Any) -> Record:
    """
    Register a fault.

    Raises:
        ApiError: 400, it is not one.
    """
    if not isinstance(body, dict):
        raise bad_request("a fault is an object")
    fault = {"method": "*", "path": "*", "times": 1, "seconds": 0.0, "status": 502, "skip": 0, **body}
    if unknown := fault.keys() - {"method", "path", "times", "seconds", "status", "skip", "kind"}:
        raise bad_request(f"a fault has no {sorted(unknown)}")
    if fault.get("kind") not in list(Kind):
        raise bad_request(f"kind is one of {', '.join(Kind)}")
    with state.change() as data:
        data["faults"].append(fault)
    return fault


def clear(state: State) -> None:
    """Forget all faults."""
    with state.change() as data:
        data["faults"].clear()


def take(state: State, method: str, path: str) -> Record | None:
    """Return the first fault meant for this request, and count it as used."""
    with state.look() as data:
        if not any(_matches(fault, method, path) for fault in data["faults"]):
            return None
    with state.change() as data:
        fault = next((fault for fault in data["faults"] if _matches(fault, method, path)), None)
        if fault is None:
            return None
        if fault.get("skip"):
            fault["skip"] -= 1
            return None
        fault["times"] -= 1
        if fault["times"] <= 0:
            data["faults"].remove(fault)
        return dict(fault)


def _matches(fault: Record, method: str, path: str) -> bool:
    return fault["method"] in ("*", method) and fnmatchcase(path, fault["path"])
