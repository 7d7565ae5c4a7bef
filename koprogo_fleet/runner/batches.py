"""Which hosts go together, and how many may fail: pure arithmetic over the options of the runner."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from koprogo_fleet.core.errors import InputError

T = TypeVar("T")


def split(hosts: Sequence[T], batches: Sequence[int | str]) -> Iterator[Sequence[T]]:
    """
    Yield *hosts* in batches of the sizes given, the last size over and over until none is left.

    Args:
        hosts: in the order in which they go.
        batches: sizes: a number of hosts, or a part of all of them (``"20%"``, at least one). None: all at once.

    Raises:
        InputError: a size is neither, or is zero.
    """
    sizes = [max(1, share(size, len(hosts), "batches")) for size in batches]
    begin = 0
    for number in range(len(hosts)):
        if begin >= len(hosts):
            return
        size = sizes[min(number, len(sizes) - 1)] if sizes else len(hosts)
        yield hosts[begin : begin + size]
        begin += size


def share(amount: int | str, total: int, option: str) -> int:
    """
    Return *amount* as a number: ``3``, or ``"20%"`` of *total*, rounded down.

    Raises:
        InputError: it is neither; names *option*.
    """
    if isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0:
        return amount
    percent = re.fullmatch(r"(\d{1,3})%", amount) if isinstance(amount, str) else None
    if percent is None or int(percent[1]) > 100:  # noqa: PLR2004 - per cent
        raise InputError(
            f"the runner's option {option} is {amount!r}",
            cause='it wants a number of hosts, such as 1, or a part of them, such as "20%"',
            next_step=f"mend {option} in the options of the runner",
        )
    return total * int(percent[1]) // 100
