"""The conversation that sshd forces on a user whose password must be changed. Pure, and in no language."""

from __future__ import annotations

from koprogo_fleet.core.secret import Secret


def answers(user: str, current: Secret, new: Secret) -> tuple[Secret, ...]:
    """
    Return what ``passwd`` asks *user* for, in its order.

    Root is not asked for the current password.
    """
    return (new, new) if user == "root" else (current, new, new)


def last_line(heard: str) -> str:
    """Return what stands after the last end of a line: the question, if one is being asked."""
    return heard.replace("\r", "\n").rpartition("\n")[2].strip()


def is_question(heard: str) -> bool:
    """
    Tell whether what was *heard*, and is followed by silence, asks for an answer.

    ``passwd`` and PAM speak the node's language, so no word of theirs can be relied upon, and not even the colon (some
    scripts have their own). What no translation changes: a message ends its line, a question does not.
    """
    return bool(last_line(heard))
