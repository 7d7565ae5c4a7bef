"""What a failed command most likely means."""

from __future__ import annotations

import pytest

from koprogo_fleet.ssh.failures import command_failed
from koprogo_fleet.ssh.session import Completed


@pytest.mark.parametrize(
    ("stderr", "cause"),
    [
        ("tee: x: No space left on device", "the disk is full"),
        ("sh: 7: echo: echo: I/O error", "the disk is full, or defective"),
        ("touch: cannot touch 'x': Read-only file system", "the file system is read-only (a disk error?)"),
        ("anything else", None),
    ],
)
def test_known_causes(stderr: str, cause: str | None) -> None:
    """A cause that is well known is named, with a command to look; another failure is told as it is."""
    error = command_failed("node-1", "write", Completed(1, b"", stderr.encode()))

    assert cause == error.cause
    assert (cause is None) == (error.next_step is None)
    assert stderr in str(error)


def test_junk_is_told() -> None:
    """Bytes that are not text are no obstacle to an error."""
    assert "\ufffd" in str(command_failed("node-1", "write", Completed(1, b"\xff", b"")))
