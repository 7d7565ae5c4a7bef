"""Nornir, set up so that it neither logs arguments, nor calls an empty selection a success, nor forgets a host."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nornir import InitNornir
from nornir.core import Nornir
from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Result, Task

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import InputError, KoprogoError
from koprogo_fleet.core.events import HostDone, Listener

WORKERS = 20


@dataclass(frozen=True)
class Outcome:
    """What one task did on one host; *value* is the task's own result."""

    host: str
    seconds: float
    differences: tuple[Difference, ...] = ()
    not_applicable: tuple[tuple[str, str], ...] = ()
    value: Any = None
    error: KoprogoError | None = None


def open_nornir(directory: Path) -> Nornir:
    """
    Return Nornir over the inventory files of *directory*.

    Its log file is off: Nornir logs the arguments of tasks.
    """
    logging.getLogger("nornir").addHandler(logging.NullHandler())  # or Python prints its tracebacks to stderr
    return InitNornir(
        inventory={"plugin": "OVHInventory", "options": {"directory": str(directory), "source": "files"}},
        runner={"plugin": "threaded", "options": {"num_workers": WORKERS}},
        logging={"enabled": False},
    )


def run_on(  # noqa: PLR0913, PLR0917 - Nornir's run, and what Nornir leaves open
    nornir: Nornir,
    hosts: Iterable[str],
    phase: str,
    task: Callable[..., Result],
    listener: Listener,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Outcome]:
    """
    Run *task* with *options* on *hosts* in parallel; return an outcome for each of them.

    Raises:
        InputError: *hosts* is empty: nothing would be done, and that is not success.
    """
    names = set(hosts)
    if not names:
        raise InputError(f"{phase}: no host is selected", next_step="koprogo-fleet inventory show")
    nornir.data.reset_failed_hosts()
    observer = _Observer(phase, listener)
    selected = nornir.filter(filter_func=lambda host: host.name in names).with_processors([observer])
    selected.run(task=task, name=phase, **options)
    return observer.outcomes


class _Observer:
    """A Nornir processor that turns each host's end into an outcome and an event."""

    def __init__(self, phase: str, listener: Listener) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._phase = phase
        self._listener = listener
        self._started: dict[str, float] = {}

    def task_started(self, task: Task) -> None:
        """Nothing to do: part of Nornir's protocol."""

    def task_completed(self, task: Task, result: AggregatedResult) -> None:
        """Nothing to do: part of Nornir's protocol."""

    def task_instance_started(self, task: Task, host: Host) -> None:  # noqa: ARG002 - Nornir's protocol
        """Note the time."""
        self._started[host.name] = time.monotonic()

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:  # noqa: ARG002 - Nornir's protocol
        """Keep the outcome and tell it."""
        first = result[0]
        seconds = time.monotonic() - self._started[host.name]
        outcome = Outcome(
            host.name,
            seconds,
            differences=tuple(getattr(first, "differences", ())),
            not_applicable=tuple(getattr(first, "not_applicable", ())),
            value=first.result,
            error=_explained(first.exception),
        )
        self.outcomes[host.name] = outcome
        error = outcome.error.seen if outcome.error else None
        self._listener(HostDone(host.name, self._phase, outcome.differences, seconds, error))

    def subtask_instance_started(self, task: Task, host: Host) -> None:
        """Nothing to do: part of Nornir's protocol."""

    def subtask_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """Nothing to do: part of Nornir's protocol."""


def _explained(exception: BaseException | None) -> KoprogoError | None:
    """Let explained errors through; anything else is a bug, and must not look like a host's failure."""
    if exception is None or isinstance(exception, KoprogoError):
        return exception
    raise exception
