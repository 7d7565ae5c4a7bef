"""The rule of etcd's quorum."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.quorum import EtcdHealth, survives


@pytest.mark.parametrize(
    ("members", "healthy", "down", "host", "expected"),
    [
        ("abc", "abc", "", "a", True),
        ("abc", "ab", "c", "a", False),
        ("abc", "ab", "c", "c", True),
        ("abc", "ab", "", "c", True),
        ("abc", "b", "c", "a", False),
        ("abc", "a", "bc", "a", False),
        ("abc", "a", "bc", "b", True),
        ("abc", "", "bc", "a", False),
        ("abc", "", "abc", "a", True),
        ("abc", "abc", "", "d", True),
        ("abcde", "abcd", "e", "a", True),
        ("abcde", "abc", "de", "a", False),
        ("abcd", "abcd", "", "a", True),
        ("abcd", "abc", "d", "a", False),
        ("ab", "ab", "", "a", False),
        ("a", "a", "", "a", True),
        ("a", "", "", "a", True),
        ("", "", "", "a", True),
        ("abc", "abxyz", "c", "a", False),
    ],
)
def test_survives(members: str, healthy: str, down: str, host: str, *, expected: bool) -> None:
    """
    A member may go down only if more than half of all stay healthy without it; one that is down costs nothing.

    One that is in doubt, neither healthy nor down, is treated as one that is up.
    """
    assert expected == survives(EtcdHealth(frozenset(members), frozenset(healthy), frozenset(down)), host)
