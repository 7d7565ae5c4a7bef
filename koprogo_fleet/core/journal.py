"""
What a run was about to do, and what became of it: written before and after each step and each change of a host.

One file a run, one JSON object a line, only ever appended to, each on the disk before the run goes on. A run that was
killed is one without an end; an intent without a result names what may or may not have happened. Values of secrets are
never in it: a step is named, and a change is told as its differences are, which hold none. :mod:`koprogo_fleet.core.runs`
reads it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import KoprogoError, MissingRequirement
from koprogo_fleet.core.events import Journaled, Listener, ignore
from koprogo_fleet.core.files import sync_directory

DIRECTORY = "journal"
INTENT, COMMITTED, FAILED, UNKNOWN = "intent", "committed", "failed", "unknown"
_NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})


class Journal:
    """
    The journal of one run, as a context manager; safe between threads. The kernel's lock on its file tells that it runs.

    Once a record could not be written, none is any more: everything that asks is refused, before it does anything.

    Args:
        state_directory: the fleet's, see :func:`koprogo_fleet.core.paths.state_dir`.
        command: what the person asked for.
        target: what it works on ("lab", "ovh").
        arguments: what the command needs to be run again; never a secret.
        listener: told of each record once it is on the disk.
    """

    def __init__(
        self,
        state_directory: Path,
        command: str,
        target: str,
        *,
        arguments: Mapping[str, str] = _NO_ARGUMENTS,
        listener: Listener = ignore,
    ) -> None:
        now = datetime.now(tz=UTC)
        self.run_id = f"{now:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"
        self.path = state_directory / DIRECTORY / f"{self.run_id}.jsonl"
        self._started = {"command": command, "target": target, "arguments": dict(arguments)}
        self._listener = listener
        self._lock = threading.Lock()
        self._records = count(1)
        self._changes = count(1)
        self._open_steps: list[str] = []
        self._broken = False

    def __enter__(self) -> Self:
        """
        Start the run.

        Raises:
            MissingRequirement: the journal cannot be written; nothing must be changed then.
        """
        with _explained(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, mode=0o600)
        try:
            with _explained(self.path):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                sync_directory(self.path.parent)
            self._write("started", **self._started)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the run: "done", or "failed" with the reason."""
        try:
            with suppress(MissingRequirement) if error else nullcontext():
                self._write("ended", outcome="failed" if error else "done", reason=_reason(error))
        finally:
            self._close()

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        """
        Do one step: its intent is on the disk before the body runs, its result after.

        Raises:
            MissingRequirement: the intent cannot be written; the body does not run.
        """
        with self._recorded({"step": name}, {}):
            self._open_steps.append(name)
            try:
                yield
            finally:
                self._open_steps.remove(name)

    @contextmanager
    def change(self, host: str, what: str, differences: Sequence[Difference] = ()) -> Generator[None]:
        """
        Change one host, as a part of the step that was begun last: the intent is on the disk before the body runs.

        Args:
            host: its inventory name.
            what: for people: "converge", "reboot".
            differences: what is going to be mended; told by their one-line texts.

        Raises:
            MissingRequirement: the intent cannot be written; the body does not run.
        """
        step = self._open_steps[-1] if self._open_steps else ""
        observed = {"host": host, "what": what, "in_step": step, "differences": [str(item) for item in differences]}
        with self._recorded({"change": next(self._changes)}, observed):
            yield

    def _close(self) -> None:
        with self._lock:
            self._broken = True  # a thread that was left behind must not write to whatever has the number next
            os.close(self._descriptor)

    @contextmanager
    def _recorded(self, key: Mapping[str, str | int], observed: Mapping[str, Any]) -> Generator[None]:
        self._write(INTENT, **key, **observed)
        try:
            yield
        except BaseException as error:
            with suppress(MissingRequirement):  # the error itself matters more; without a record it counts as unknown
                self._write(UNKNOWN if _is_unknown(error) else FAILED, **key, reason=_reason(error))
            raise
        self._write(COMMITTED, **key)

    def _write(self, event: str, **fields: Any) -> None:
        record = {"time": datetime.now(tz=UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
        with self._lock, _explained(self.path):
            if self._broken:
                raise OSError("an earlier record could not be written, or the run has ended")
            self._broken = True  # until the disk has it: after a failed fsync a later one may succeed for nothing
            written = os.write(self._descriptor, line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written")
            os.fsync(self._descriptor)
            self._broken = False
            number = next(self._records)
        self._listener(Journaled(number))


def _is_unknown(error: BaseException) -> bool:
    return error.result_unknown if isinstance(error, KoprogoError) else not isinstance(error, Exception)


def _reason(error: BaseException | None) -> str:
    """Return an explained error's text; of any other only the class, for its text may quote anything."""
    if error is None:
        return ""
    return f"{type(error).__name__}: {error.seen}" if isinstance(error, KoprogoError) else type(error).__name__


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise MissingRequirement(
            f"cannot write the journal {path}: {error.strerror or error}",
            cause="without it a crash could not be recovered from, so nothing is changed",
            next_step=f"look at the space and the permissions of {path.parent} (df -h, ls -ld)",
        ) from error
