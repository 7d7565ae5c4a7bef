"""Whether the process that left something half done is still alive."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from koprogo_fleet.helm.run_mark import is_dead, own_mark


def test_we_are_alive() -> None:
    """A process's own mark is of a living process, each time the same, and fits into a Kubernetes label."""
    assert own_mark() == own_mark()
    assert not is_dead(own_mark())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,61}[A-Za-z0-9]", own_mark())


def test_a_process_that_ended_is_dead() -> None:
    """The mark of a process that has ended is dead."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        place, _, start = own_mark().split(".")
        process.wait()

    assert is_dead(f"{place}.{process.pid}.{start}")


def test_a_number_that_is_used_again_is_another_process() -> None:
    """A living process with the number of a dead one, but another start, does not keep it alive."""
    place, pid, start = own_mark().split(".")

    assert is_dead(f"{place}.{pid}.{int(start) - 1}")


@pytest.mark.parametrize("mark", ["", "nonsense", "0123456789abcdef.1.1", "0123456789abcdef.999999999.1"])
def test_what_we_cannot_know_is_not_dead(mark: str) -> None:
    """Marks of other machines and boots, and what is no mark, are left alone."""
    assert not is_dead(mark)
