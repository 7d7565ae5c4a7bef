"""One value of a file that people write."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.yamledit import with_value

TEXT = """\
# pools: the workers' count: 3 is in the seed
name: koprogo
pools:
  - {name: cp, role: server, count: 3}   # étcd
  - name: worker
    count:   2  # two, for now
    first_address: 10.0.0.21
"""


@pytest.mark.parametrize("before", ["", "\ufeff", "---\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_the_value_changes(before: str, newline: str) -> None:
    """Comments, spaces, flow style, line ends and a byte order mark stay."""
    text = before + TEXT.replace("\n", newline)

    assert text.replace("count:   2 ", "count:   15 ") == with_value(text, ("pools", 1, "count"), 15)
    assert text.replace("count: 3}", "count: 5}") == with_value(text, ("pools", 0, "count"), 5)


def test_a_quoted_value_is_replaced_whole() -> None:
    """Nothing of the old value is left."""
    assert "a: [1, 22]\n" == with_value('a: [1, "2"]\n', ("a", 1), 22)


@pytest.mark.parametrize(
    "place", [("pools", 2, "count"), ("pools", 1, "role"), ("pools", 1), ("nothing",), ("name", 0)]
)
def test_a_place_that_is_not_there(place: tuple[str | int, ...]) -> None:
    """It is an error, and no guess."""
    with pytest.raises(LookupError):
        with_value(TEXT, place, 1)
