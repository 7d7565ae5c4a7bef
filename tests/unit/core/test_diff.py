"""A difference is data that reads well."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.diff import Difference, Operation, text_diff


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (Difference(Operation.CREATE, "volume a"), "create volume a"),
        (Difference(Operation.CREATE, "volume a", new="200 GB"), "create volume a: 200 GB"),
        (Difference(Operation.CHANGE, "sysctl a", "1", "0"), "change sysctl a: 1 -> 0"),
        (Difference(Operation.CHANGE, "sysctl a", "", "0"), "change sysctl a: nothing -> 0"),
        (Difference(Operation.CHANGE, "sysctl a", "1", ""), "change sysctl a: 1 -> nothing"),
        (Difference(Operation.CHANGE, "file /etc/hosts"), "change file /etc/hosts"),
        (Difference(Operation.DELETE, "rule 22/tcp"), "delete rule 22/tcp"),
    ],
)
def test_a_difference_is_one_line(difference: Difference, text: str) -> None:
    """What has to happen, to what, from what, to what."""
    assert str(difference) == text


def test_a_text_diff_names_both_sides_without_a_time() -> None:
    """The same difference always has the same text."""
    diff = text_diff("a\nb\nc\nd\n", "a\nB\nc\nd\n", "/etc/x")

    assert diff == "--- /etc/x (now)\n+++ /etc/x (desired)\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c"


def test_equal_texts_have_no_diff() -> None:
    """Nothing differs: nothing is said."""
    assert text_diff("a\n", "a\n", "/etc/x") == ""
