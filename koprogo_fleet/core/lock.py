"""One writer per fleet. The kernel holds the lock and frees it when the holder dies: there are no stale locks."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from koprogo_fleet.core.errors import KoprogoError, MissingRequirement

FILE_NAME = "lock"


@dataclass(frozen=True)
class Holder:
    """Who holds the lock, for people to read; whether it is held, only the kernel knows."""

    pid: int
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid} on {self.host}, since {self.since})"


@contextmanager
def exclusive(state_directory: Path, command: str) -> Iterator[None]:
    """
    Be the only one who changes a fleet, until the block ends or this process does.

    Args:
        state_directory: the fleet's, see :func:`koprogo_fleet.core.paths.state_dir`.
        command: what we do, told to whoever is refused meanwhile.

    Raises:
        KoprogoError: somebody else holds the lock; says who.
        MissingRequirement: the lock file cannot be made.
    """
    path = state_directory / FILE_NAME
    holder = Holder(os.getpid(), socket.gethostname(), command, f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M:%S} UTC")
    descriptor = _acquire(path)
    try:
        with _explained(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
        yield
    finally:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        with _explained(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, mode=0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _read(descriptor)
            os.close(descriptor)
            raise KoprogoError(
                f"another run is changing this fleet: {holder or 'it has not said who it is'}",
                cause="two runs at once would undo each other's work",
                next_step=f"wait until it ends; if it hangs: kill {holder.pid}" if holder else "wait until it ends",
            ) from error
        if _is(descriptor, path):
            return descriptor
        os.close(descriptor)  # the file was removed between open and flock: its lock protects nothing


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MissingRequirement(
            f"cannot write the lock {path}: {error.strerror}",
            next_step=f"look at the permissions and the space of {path.parent} (ls -ld, df -h)",
        ) from error


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> Holder | None:
    try:
        return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):  # the holder is just writing it, or it is another program's file
        return None
