"""What is a question, in whatever language, and what is answered."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.first_login.dialogue import answers, is_question, last_line

WARNING = "WARNING: Your password has expired.\r\nYou must change your password now and login again!\r\n"


@pytest.mark.parametrize(
    "heard",
    [
        f"{WARNING}Changing password for debian.\r\nCurrent password: ",
        "(current) UNIX password: ",
        "\r\nNouveau mot de passe\u00a0: ",
        "\r\n新しいパスワード ",
        "BAD PASSWORD: it is too short\r\nNew password: ",
    ],
)
def test_an_unfinished_line_is_a_question(heard: str) -> None:
    """Whatever the words, and with a colon or without, a line that does not end asks."""
    assert is_question(heard)


@pytest.mark.parametrize(
    "heard", ["", WARNING, "Changing password for debian.\r\n", "\r\n", "\r\n \r\n  ", "Fertig:\r\n"]
)
def test_a_finished_line_is_none(heard: str) -> None:
    """A line that ends tells something, even with a colon."""
    assert not is_question(heard)


def test_the_question_is_the_last_line() -> None:
    """What is shown to a person, when no answer helps, is the question alone."""
    assert "Current password:" == last_line(f"{WARNING}Current password: ")


def test_answers() -> None:
    """A user is asked for the current password first, root only for the new one."""
    old, new = Secret("old"), Secret("new")

    assert (old, new, new) == answers("debian", old, new)
    assert (new, new) == answers("root", old, new)
