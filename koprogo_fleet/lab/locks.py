"""One at a time: a file lock that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from koprogo_fleet.core.events import Listener, Note, ignore


@contextmanager
def exclusive(path: Path, what: str, listener: Listener = ignore) -> Iterator[None]:
    """
    Hold the lock file *path* while *what* is done; wait for it, and say so to the *listener*, when it is taken.

    The holder may remove the file: whoever waited for it then notices, and takes the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                listener(Note(f"{what}: another process is at it; waiting for it to end"))
                fcntl.flock(stream, fcntl.LOCK_EX)
            if _is_still(path, stream.fileno()):
                yield
                return


def _opened(path: Path) -> TextIO:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the holder has just removed the directory too
            return path.open("a")


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
