"""How things are said in a line of text."""

from __future__ import annotations

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.events import Cost

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    r"""Return *text* so that it cannot drive a terminal: what a node said may hold any character. ``\n`` and ``\t`` stay."""
    return text.translate(_CONTROLS).encode(errors="backslashreplace").decode()


def one_line(text: str) -> str:
    """Return *text* as one printable line."""
    return printable(" ".join(text.split()))


def count(number: int, noun: str) -> str:
    """Return the number with its noun: "1 difference", "2 differences"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """Return seconds in five characters or less: "1.2 s", "12 s", "2:05"."""
    if seconds < 9.95:  # noqa: PLR2004 - rounded, the next one is 10
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"


def ago(seconds: float | None) -> str:
    """Return how long ago something was, in the largest unit that it fills: "just now", "5 minutes ago"."""
    if seconds is None:
        return "nobody knows when"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{count(int(seconds // length), unit)} ago"
    return "just now"


def without_name(host: str, text: str) -> str:
    """Return *text* without the host's name at its beginning, so that alike texts of several hosts are equal."""
    return text.removeprefix(f"{host}: ")


def cost_lines(cost: Cost) -> list[str]:
    """Return what a plan does to the bill, in two lines or three."""
    budget = "" if cost.budget is None else f"; the budget is {cost.budget:.2f}"
    lines = [f"{cost.change:+.2f} {cost.currency} a month, {cost.total:.2f} in all, without tax{budget}"]
    if cost.unpriced:
        lines.append(f"not in it, for there is no price: {', '.join(cost.unpriced)}")
    return [*lines, f"CO2: about {cost.carbon_kilograms:.1f} kg a month - {cost.carbon_basis}"]


def difference_lines(difference: Difference) -> list[str]:
    """Return a difference and, indented, the lines of its diff without their head."""
    return [printable(str(difference)), *(f"    {printable(line)}" for line in difference.detail.splitlines()[2:])]
