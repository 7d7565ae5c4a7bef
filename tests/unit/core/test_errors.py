"""The tree of errors: as drawn, each with an exit code and a text for people."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest

from koprogo_fleet.core import errors
from koprogo_fleet.core.errors import (
    CommandFailed,
    FileProblems,
    KoprogoError,
    OvhError,
    Problem,
    SshError,
    WaitTimeout,
)

CLASSES = sorted(
    (found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, KoprogoError)),
    key=lambda found: found.__name__,
)


def _drawn() -> dict[str, str]:
    """Return each class of the drawn tree with its parent."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"^    ((?:│   |    )*)(?:├── |└── )?([A-Z]\w+)", line):
            depth = len(match[1]) // 4 + ("── " in line)
            path = [*path[:depth], match[2]]
            parents[match[2]] = path[depth - 1] if depth else ""
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    """The docstring's tree has every class, below its base."""
    real = {found.__name__: "" if found is KoprogoError else found.__bases__[0].__name__ for found in CLASSES}

    assert _drawn() == real


def test_temporary_is_drawn_as_it_is() -> None:
    """The tree says "(temporary)" of exactly the errors that another try may mend."""
    drawn = {match[1] for match in re.finditer(r"([A-Z]\w+) .*temporary\b.*\)", errors.__doc__ or "")}

    assert drawn - {"KoprogoError", "Temporary"} == {found.__name__ for found in CLASSES if found.temporary}


@pytest.mark.parametrize("found", CLASSES, ids=lambda found: found.__name__)
def test_every_error_has_a_documented_exit_code(found: type[KoprogoError]) -> None:
    """No explained error ends with 0 (success), 3 (a plan's changes) or 70 (a bug)."""
    assert found.exit_code in {errors.EXIT_NOT_CONVERGED, errors.EXIT_ERROR, errors.EXIT_INTERRUPTED}
    assert found.__doc__


def test_exit_codes_differ() -> None:
    """A script can tell apart every way in which a run ends."""
    codes = [value for name, value in vars(errors).items() if name.startswith("EXIT_")]

    assert len(codes) == len(set(codes)) == 6


def test_an_error_tells_what_was_seen_why_and_what_next() -> None:
    """Its text is what was seen; cause and next step are beside it."""
    error = OvhError("GET /me: 403", status=403, query_id="EU.ext-1", cause="the key", next_step="make a key")

    assert (str(error), error.cause, error.next_step) == ("GET /me: 403", "the key", "make a key")
    assert (error.status, error.query_id) == (403, "EU.ext-1")


def test_ssh_errors_name_the_host() -> None:
    """Of many nodes, the one that failed is in the text."""
    assert str(SshError("koprogo-cp-1", "no answer")) == "koprogo-cp-1: no answer"


def test_a_failed_command_shows_the_end_of_both_streams() -> None:
    """The last ten lines of each stream are shown, and no more."""
    output = "\n".join(f"line {number}" for number in range(30))
    error = CommandFailed("cp-1", "apt-get", exit_status=100, stdout=output, stderr="E: no\n")

    assert "apt-get: exit status 100" in error.seen
    assert "stderr: E: no" in error.seen
    assert ("line 19" in error.seen, "line 20" in error.seen) == (False, True)


def test_a_wait_that_ran_out_says_for_what() -> None:
    """Condition, time and the last observation are in the text."""
    error = WaitTimeout("cp-1 answers", seconds=30, last_observation="connection refused")

    assert str(error) == "waited 30 s for: cp-1 answers; last seen: connection refused"
    assert isinstance(error, TimeoutError)


@pytest.mark.parametrize(("count", "headline"), [(1, "1 mistake found:"), (2, "2 mistakes found:")])
def test_all_problems_are_in_one_text(count: int, headline: str) -> None:
    """Each problem has a line, with its place in the file."""
    problems = [Problem(Path("fleet.yaml"), number or None, "wrong") for number in range(count)]

    assert str(FileProblems(problems)).splitlines() == [
        headline,
        *["  fleet.yaml: wrong", "  fleet.yaml:1: wrong"][:count],
    ]


def test_explained_errors_are_also_the_builtin_ones() -> None:
    """Code that knows Python's errors only still catches the right ones."""
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.Unreachable, ConnectionError)
    assert issubclass(errors.OvhNotFound, LookupError)
    assert issubclass(errors.VaultRefused, PermissionError)


def test_a_plain_error_survives_another_process() -> None:
    """An error can be pickled, as a pool of processes does."""
    assert str(pickle.loads(pickle.dumps(KoprogoError("seen")))) == "seen"  # noqa: S301 - our own bytes
