"""Looks for secrets wherever they must not be: in texts, in files, and in the argument lists of every process."""

from __future__ import annotations

import base64
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from hostile import MARK

SAMPLE_SECONDS = 0.1


def _encoded(text: bytes) -> Iterator[bytes]:
    """Yield what *text* looks like as it is, in hexadecimal, and inside of base64, wherever it begins there."""
    yield text
    yield text.hex().encode()
    for shift in range(3):
        begin, end = -(-shift * 8 // 6), (shift + len(text)) * 8 // 6
        yield base64.b64encode(bytes(shift) + text)[begin:end]


NEEDLES = tuple(_encoded(MARK.encode()))


def leaks(data: bytes | str) -> bool:
    """Return whether a secret, or a part of one, is in *data*."""
    content = data.encode(errors="surrogateescape") if isinstance(data, str) else data
    return any(needle in content for needle in NEEDLES)


def leaking_files(*places: Path, destination: Path | None = None) -> list[Path]:
    """
    Return the files below *places* that have a secret in their content or name and should not.

    Those below *destination* may have one, if nobody but their owner can read them.
    """
    return [
        path
        for place in places
        for path in (place, *place.rglob("*"))
        if (leaks(str(path)) or (path.is_file() and leaks(path.read_bytes())))
        and not (destination and path.is_relative_to(destination) and _is_private(path))
    ]


def _is_private(path: Path) -> bool:
    return not stat.S_IMODE(path.stat().st_mode) & 0o077


class CommandLines:
    """Samples the argument lists and environments of every process of the machine, all the time."""

    def __init__(self) -> None:
        self.samples = 0
        self.leaking: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not (self.samples and self._stop.wait(SAMPLE_SECONDS)):
            self.samples += 1
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        content = (process / name).read_bytes()
                    except OSError:  # it has ended, or is nobody's business
                        continue
                    if leaks(content):
                        self.leaking.add(f"{process / name}: {content[:200]!r}")
