"""Who may log in, and who may not any more."""

from __future__ import annotations

import pytest

from koprogo_fleet.hosts.baseline.people import Logins
from koprogo_fleet.hosts.resource import Change, Fact, Refused, Unchanged


@pytest.mark.parametrize(
    ("present", "lines", "expected"),
    [
        ((), [], []),
        (("alice",), [], []),
        (("alice",), ["alice 1000 never yes no yes yes"], []),
        ((), ["alice 1000 never yes no yes no"], ["delete login of alice, with all keys"]),
        ((), ["alice 1000 1 yes no no no"], []),
        ((), ["alice 1000 1 yes no yes no"], ["delete login of alice, with all keys"]),
        ((), ["alice 1000 1 yes yes no no"], ["delete login of alice, with all keys"]),
        ((), ["alice 1000 1 yes no no yes"], ["delete login of alice, with all keys"]),
        (("alice",), ["alice 1000 1 yes no no no"], ["change login of alice: closed -> open"]),
    ],
)
def test_decisions(present: tuple[str, ...], lines: list[str], expected: list[str]) -> None:
    """Those named stay or come back; of the others neither key, nor right, nor process remains."""
    decision = Logins(present).decide(Fact(0, "\n".join(lines).encode()))

    assert expected == ([str(item) for item in decision.differences] if isinstance(decision, Change) else [])
    assert isinstance(decision, Change if expected else Unchanged)


@pytest.mark.parametrize("line", ["www-data 33 never no no no yes", "carol 1001 never no no yes no"])
def test_an_account_of_another_is_left(line: str) -> None:
    """An account that the system has, or that somebody made by hand, is not taken over."""
    assert isinstance(Logins((line.split(maxsplit=1)[0],)).decide(Fact(0, line.encode())), Refused)
