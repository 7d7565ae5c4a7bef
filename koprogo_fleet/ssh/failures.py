"""What a command that failed most likely means."""

from __future__ import annotations

import shlex

from koprogo_fleet.core.errors import CommandFailed
from koprogo_fleet.ssh.exchange import Completed

_CAUSES = (
    ("No space left on device", "the disk is full", "df -h; df -i"),
    # what dash's own echo and printf say of a full disk
    (": I/O error", "the disk is full, or defective", "df -h; dmesg | tail"),
    ("Disk quota exceeded", "the disk quota is used up", "df -h"),
    (
        "Read-only file system",
        "the file system is read-only (a disk error?)",
        "dmesg | tail; findmnt -o TARGET,OPTIONS",
    ),
    ("is not in the sudoers file", "this user may not use sudo", "id"),
    ("sudo: command not found", "sudo is not installed", "id"),
    ("sudo: not found", "sudo is not installed", "id"),
)


def command_failed(host: str, what: str, completed: Completed) -> CommandFailed:
    """Return the error for *what* (in words), which ended like this; its cause is named where it is well known."""
    out, err = completed.stdout.decode(errors="replace"), completed.stderr.decode(errors="replace")
    cause, look = next(((cause, look) for text, cause, look in _CAUSES if text in err or text in out), (None, None))
    return CommandFailed(
        host,
        what,
        exit_status=completed.exit_status,
        stdout=out,
        stderr=err,
        cause=cause,
        next_step=f"look at the node: ssh {shlex.quote(host)} {shlex.quote(look)}" if look else None,
    )
