"""The arithmetic of batches and budgets."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.runner.batches import share, split
from koprogo_fleet.runner.options import Options


@pytest.mark.parametrize(
    ("hosts", "batches", "sizes"),
    [
        (10, (), [10]),
        (10, (1, "20%", "100%"), [1, 2, 7]),
        (10, (3,), [3, 3, 3, 1]),
        (10, (1, "20%"), [1, 2, 2, 2, 2, 1]),
        (2, ("1%",), [1, 1]),
        (3, (5,), [3]),
        (3, ("0%",), [1, 1, 1]),
        (0, (1,), []),
    ],
)
def test_batches(hosts: int, batches: tuple[int | str, ...], sizes: list[int]) -> None:
    """Every host is in one batch, in order; the last size goes on."""
    parts = list(split(range(hosts), batches))

    assert sizes == [len(part) for part in parts]
    assert list(range(hosts)) == [host for part in parts for host in part]


@pytest.mark.parametrize(("amount", "number"), [(0, 0), (3, 3), ("10%", 2), ("0%", 0), ("100%", 29)])
def test_share(amount: int | str, number: int) -> None:
    """A part of the hosts is rounded down: a budget is never larger than what was allowed."""
    assert number == share(amount, 29, "max_failures")


@pytest.mark.parametrize("amount", [-1, "10", "ten", "101%", True, 1.5, None])
def test_no_amount(amount: object) -> None:
    """What is neither a number nor a part is refused, by the name of its option."""
    with pytest.raises(InputError, match="max_failures"):
        share(amount, 10, "max_failures")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"num_workers": 0}, "num_workers"),
        ({"task_seconds": -1}, "task_seconds"),
        ({"run_seconds": 0}, "run_seconds"),
        ({"retries": -1}, "retries"),
        ({"group_limits": {"server": 0}}, r"group_limits\[server\]"),
        ({"batches": ("all",)}, "batches"),
        ({"max_failures": "some"}, "max_failures"),
    ],
)
def test_options_are_checked_at_once(options: dict[str, object], named: str) -> None:
    """An option that cannot be used is refused before anything runs."""
    with pytest.raises(InputError, match=named):
        Options(**options)  # type: ignore[arg-type]
