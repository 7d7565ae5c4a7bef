"""One task on one host, in a thread that can be called off and left behind."""

from __future__ import annotations

import random
import sys
import sysconfig
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from nornir.core.inventory import Host
from nornir.core.task import MultiResult, Result, Task

from koprogo_fleet.core.errors import CommandTimeout, Interrupted, KoprogoError
from koprogo_fleet.core.events import Note
from koprogo_fleet.runner.connections import CancellableThread, Connections, refuse_if_cancelled
from koprogo_fleet.runner.observers import Observers, SubtasksOnly
from koprogo_fleet.runner.outcome import root_error

GRACE_SECONDS = 1.0
"""How long a cancelled task may take to notice that its connection is closed, and to say what it was waiting for."""

_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


@dataclass(frozen=True)
class Cancellation:
    """Why and where a task was called off; after *until* (of the monotonic clock) it is left behind."""

    why: str
    where: str
    until: float
    interrupted: bool


class HostRun(CancellableThread):
    """
    Runs *task* on *host* and then puts itself into *ended*.

    Args:
        task: Nornir's; copied for each try.
        observers: told of subtasks.
        ended: where the one who started it waits.
        retries: how often it is tried again after a temporary error.
        seconds: the deadline of all tries together; cancelling when it has passed is the starter's business.
        stopping: whether a person wants the run to end; there are no further tries then.
        close_connections: close the host's connections at the end.
    """

    def __init__(  # noqa: PLR0913 - all that a host's run is made of, by name
        self,
        task: Task,
        host: Host,
        *,
        observers: Observers,
        ended: SimpleQueue[HostRun],
        retries: int,
        seconds: float | None,
        stopping: Callable[[], bool],
        close_connections: bool,
    ) -> None:
        super().__init__(name=f"{task.name} on {host.name}")
        self.host = host
        self.result: MultiResult | None = None
        self.cancellation: Cancellation | None = None
        self.begin = time.monotonic()
        self.deadline = self.begin + seconds if seconds is not None else None
        self._task = task
        self._observers = observers
        self._processors = SubtasksOnly(observers, self.cancelled.is_set)
        self._ended = ended
        self._retries = retries
        self._stopping = stopping
        self._close_connections = close_connections
        self._connections = Connections.of(host)

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.begin

    def run(self) -> None:
        """Be the thread."""
        try:
            self.result = self._try()
            if self._close_connections and not self.cancelled.is_set():
                self._observers.call(self.host.close_connections)
        except BaseException as error:  # noqa: BLE001 - even sys.exit() in a task must not leave the run waiting
            self.result = failed(self._task, self.host, error)
        finally:
            self._ended.put(self)

    def cancel(self, why: str, *, interrupted: bool = False) -> None:
        """Close its connections, so that what it waits for ends; it gets a moment to end by itself."""
        self.cancellation = Cancellation(why, self._where(), time.monotonic() + GRACE_SECONDS, interrupted)
        self.cancelled.set()
        self._connections.abort()

    def cancelled_result(self) -> MultiResult:
        """Return the result of a task that was cancelled, whatever it may still return later."""
        assert self.cancellation is not None  # noqa: S101 - only asked for after cancel()
        last_words = root_error(self.result) if self.result else None
        waited_for = last_words.seen if isinstance(last_words, KoprogoError) else self.cancellation.where
        seen = f"{self._task.name} {self.cancellation.why}, cancelled; it was waiting for: {waited_for}"
        cause = "what it began on the host may still go on there"
        next_step = "run the same again: it looks before it changes anything"
        error = (
            Interrupted(f"{self.host.name}: {seen}", cause=cause, next_step=next_step)
            if self.cancellation.interrupted
            else CommandTimeout(self.host.name, seen, cause=cause, next_step=next_step)
        )
        return failed(self._task, self.host, error)

    def _try(self) -> MultiResult:
        tries = 0
        while True:
            refuse_if_cancelled(self.host.name)
            task = self._task.copy()
            task.processors = self._processors
            result = task.start(self.host)
            tries += 1
            error = root_error(result) if result.failed else None
            if not (isinstance(error, KoprogoError) and error.temporary) or tries > self._retries:
                return result
            self._observers.tell(Note(f"{error.seen}; it is tried again ({tries} of {self._retries})"))
            if not self._pause(tries):
                return result

    def _pause(self, tries: int) -> bool:
        """Wait before the next try; return whether there is to be one."""
        longest = min(_PAUSE_SECONDS * 2**tries, _LONGEST_PAUSE_SECONDS)
        until = time.monotonic() + random.uniform(longest / 4, longest)  # noqa: S311 - so that hosts do not come in step
        if self.deadline is not None and until >= self.deadline:
            return False
        while (left := until - time.monotonic()) > 0:
            if self._stopping() or self.cancelled.wait(min(left, _LOOK_SECONDS)):
                return False
        return True

    def _where(self) -> str:
        """Say at which line of the user's code, or of ours, the thread is."""
        frame = sys._current_frames().get(self.ident or 0)  # noqa: SLF001 - documented, and the only way
        if frame is None:
            return "its end"
        stack = traceback.extract_stack(frame)
        place = next((line for line in reversed(stack) if not line.filename.startswith(_LIBRARIES)), stack[-1])
        return f"{Path(place.filename).name} line {place.lineno} in {place.name}: {place.line}"


def failed(task: Task, host: Host, error: BaseException) -> MultiResult:
    """Return the result of a task that *error* kept from giving one itself."""
    result = MultiResult(task.name)
    result.append(Result(host, result=str(error) or repr(error), failed=True, exception=error, name=task.name))
    return result
