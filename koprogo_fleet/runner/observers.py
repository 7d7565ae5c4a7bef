"""Those who watch a run: Nornir's processors, and a listener. Whatever they raise, no result is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from nornir.core.inventory import Host
from nornir.core.processor import Processor, Processors
from nornir.core.task import AggregatedResult, MultiResult, Task

from koprogo_fleet.core.events import Event, Listener

_LOG = logging.getLogger("koprogo_fleet.runner")


class Observers:
    """
    Calls every processor and the listener, and keeps what they raise in *errors*, which are logged as well.

    Nornir calls processors in the middle of a task's start and end, where an exception loses the result of the host
    and of all that come after it.
    """

    def __init__(self, processors: Sequence[Processor], listener: Listener) -> None:
        self.errors: list[Exception] = []
        self._processors = processors
        self._listener = listener

    def tell(self, event: Event) -> None:
        """Tell the listener."""
        self.call(self._listener, event)

    def started(self, task: Task, host: Host) -> None:
        """Tell that *task* starts on *host*."""
        for processor in self._processors:
            self.call(processor.task_instance_started, task, host)

    def ended(self, task: Task, host: Host, result: MultiResult) -> None:
        """Tell that *task* ended on *host*."""
        for processor in self._processors:
            self.call(processor.task_instance_completed, task, host, result)

    def subtask_started(self, task: Task, host: Host) -> None:
        """Tell that a part of a task starts."""
        for processor in self._processors:
            self.call(processor.subtask_instance_started, task, host)

    def subtask_ended(self, task: Task, host: Host, result: MultiResult) -> None:
        """Tell that a part of a task ended."""
        for processor in self._processors:
            self.call(processor.subtask_instance_completed, task, host, result)

    def completed(self, task: Task, result: AggregatedResult) -> None:
        """Tell that all hosts are done, where Nornir itself will not come to it."""
        for processor in self._processors:
            self.call(processor.task_completed, task, result)

    def call(self, method: Callable[..., object], *arguments: Any) -> None:
        """Call *method*, and keep what it raises."""
        try:
            method(*arguments)
        except Exception as error:  # noqa: BLE001 - kept and told: a watcher must not decide what becomes of the hosts
            _LOG.exception("%r raised; the results are complete all the same", method)
            self.errors.append(error)


class SubtasksOnly(Processors):
    """
    The processors that a task is given which the runner starts.

    The runner itself tells when a task starts and ends, once a host, however often it is tried. Of a task that was
    given up nothing is told any more.
    """

    def __init__(self, observers: Observers, given_up: Callable[[], bool]) -> None:
        super().__init__()
        self._observers = observers
        self._given_up = given_up

    def task_instance_started(self, task: Task, host: Host) -> None:
        """Tell nothing: the runner does."""

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """Tell nothing: the runner does."""

    def subtask_instance_started(self, task: Task, host: Host) -> None:
        """Pass it on."""
        if not self._given_up():
            self._observers.subtask_started(task, host)

    def subtask_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """Pass it on."""
        if not self._given_up():
            self._observers.subtask_ended(task, host, result)
