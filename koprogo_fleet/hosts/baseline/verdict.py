"""From what was found of a node's resources to a word about each control."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.hosts.baseline.controls import CONTROLS, FLEET, Control, Made
from koprogo_fleet.hosts.found import Found


class Status(StrEnum):
    """How a control is on a node."""

    PASS = "pass"  # noqa: S105 - no password
    FIXED = "fixed"
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Verdict:
    """One control on one node; *reason* says what was not so, or why it cannot be."""

    control: Control
    status: Status
    reason: str = ""


def verdicts(found: Sequence[Found], *, mended: bool) -> tuple[Verdict, ...]:
    """
    Return a verdict for every control, and one for each resource with differences that no control stands for.

    Args:
        found: of all resources of the baseline.
        mended: the differences are gone now; otherwise they are still there.
    """
    return tuple(_verdicts(found, Status.FIXED if mended else Status.FAIL))


def _verdicts(found: Sequence[Found], otherwise: Status) -> Iterator[Verdict]:
    told: set[tuple[str, Difference]] = set()
    for control in CONTROLS:
        parts = [(made, one) for made in control.by for one in found if one.resource.startswith(made.resource)]
        wrong = {
            (one.resource, difference): None
            for made, one in parts
            for difference in one.differences
            if concerns(made, difference)
        }
        reasons = dict.fromkeys(reason for made, one in parts for reason in _reasons(made, one))
        told |= wrong.keys()
        if control.not_here:
            yield Verdict(control, Status.NOT_APPLICABLE, control.not_here)
        elif not parts:
            yield Verdict(control, Status.NOT_APPLICABLE, "a node of this role has nothing of it")
        elif wrong:
            yield Verdict(control, otherwise, "; ".join((*(str(item) for _, item in wrong), *reasons)))
        elif reasons:
            yield Verdict(control, Status.NOT_APPLICABLE, "; ".join(reasons))
        else:
            yield Verdict(control, Status.PASS)
    for one in found:
        if rest := [str(item) for item in one.differences if (one.resource, item) not in told]:
            control = Control(FLEET, "", f"The {one.resource} is as the baseline says", (Made(one.resource),))
            yield Verdict(control, otherwise, "; ".join(rest))


def concerns(made: Made, difference: Difference) -> bool:
    """Return whether *difference*, of a resource of *made*, is about what *made* stands for."""
    if not made.keys:
        return True
    changed = (line for line in difference.detail.splitlines() if line.startswith(("+", "-")))
    said = "\n".join((str(difference), *changed))
    return any(key in said for key in made.keys)


def _reasons(made: Made, one: Found) -> Iterator[str]:
    """Yield why it cannot be had; a resource that names its parts, one by one, does so for each."""
    parts = one.not_applicable.split("; ") if one.not_applicable else []
    named = [part for part in parts if any(key in part for key in made.keys)]
    if not made.keys or not any(": " in part for part in parts):
        yield from parts
    else:
        yield from named
