"""Which host goes when: batches, limits, the failure budget, deadlines, and what a person's Ctrl-C does to them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from nornir.core.inventory import Host
from nornir.core.task import MultiResult, Task

from koprogo_fleet.core.errors import Interrupted, NotConverged
from koprogo_fleet.core.events import HostDone, HostStarted, Note
from koprogo_fleet.runner.batches import share, split
from koprogo_fleet.runner.host_run import HostRun, failed
from koprogo_fleet.runner.interrupt import Interruption
from koprogo_fleet.runner.observers import Observers
from koprogo_fleet.runner.options import Options
from koprogo_fleet.runner.outcome import FleetResult, Outcome, Status, outcome_of

_LOOK_SECONDS = 0.1
_FAILURES = (Status.FAILED, Status.UNREACHABLE)


class Schedule:
    """
    Takes one task over *hosts*, each in a thread of its own; *result* grows as they end.

    Only the thread that calls :meth:`run` decides and writes, so no result can be written twice: what a task returns
    after it was given up is looked at by nobody. Processors are called in this thread too, one at a time.
    """

    def __init__(
        self, task: Task, hosts: Sequence[Host], options: Options, observers: Observers, interruption: Interruption
    ) -> None:
        self.result = FleetResult(task.name)
        self._task = task
        self._hosts = hosts
        self._options = options
        self._observers = observers
        self._interruption = interruption
        self._running: list[HostRun] = []
        self._ended: SimpleQueue[HostRun] = SimpleQueue()
        self._may_fail = share(options.max_failures, len(hosts), "max_failures")
        self._deadline = time.monotonic() + options.run_seconds if options.run_seconds is not None else None
        self._told = ""

    def run(self) -> FleetResult:
        """Run it on every host that may still be started; return when each of them has an outcome."""
        for batch in split(self._hosts, self._options.batches):
            waiting = list(batch)
            while waiting or self._running:
                self._tell_of_signals()
                if (stop := self._why_stop()) is not None:
                    for host in waiting:
                        self._skip(host, stop)
                    waiting.clear()
                self._start(waiting)
                self._take_what_ended()
                self._cancel_what_must_end()
        for host in self._hosts:  # in the order of the inventory, as with Nornir's own runners
            self.result[host.name] = self.result.pop(host.name)
            self.result.outcomes[host.name] = self.result.outcomes.pop(host.name)
        return self.result

    def _start(self, waiting: list[Host]) -> None:
        for host in tuple(waiting):
            if len(self._running) >= self._options.num_workers:
                return
            if self._has_room(host):
                waiting.remove(host)
                self._observers.started(self._task, host)
                self._observers.tell(HostStarted(host.name, self._task.name))
                run = HostRun(
                    self._task,
                    host,
                    observers=self._observers,
                    ended=self._ended,
                    retries=self._options.retries,
                    seconds=self._options.task_seconds,
                    stopping=lambda: self._interruption.stopping,
                    close_connections=self._options.close_connections,
                )
                self._running.append(run)
                run.start()

    def _has_room(self, host: Host) -> bool:
        return all(
            sum(run.host.has_parent_group(group) for run in self._running) < limit
            for group, limit in self._options.group_limits.items()
            if host.has_parent_group(group)
        )

    def _take_what_ended(self) -> None:
        seconds = _LOOK_SECONDS if self._running else 0.0
        try:
            run = self._ended.get(timeout=seconds)
        except Empty:
            return
        if run in self._running:  # or else it was left behind before
            result = run.cancelled_result() if run.cancellation else run.result
            assert result is not None  # noqa: S101 - a run that has ended has one
            self._settle(run, result)

    def _cancel_what_must_end(self) -> None:
        now = time.monotonic()
        for run in tuple(self._running):
            if run.cancellation is not None:
                if now >= run.cancellation.until:
                    self._settle(run, run.cancelled_result())
            elif self._interruption.aborting:
                run.cancel("was interrupted", interrupted=True)
            elif run.deadline is not None and now >= run.deadline:
                run.cancel(f"did not end within {self._options.task_seconds:g} s")
            elif self._deadline is not None and now >= self._deadline:
                run.cancel(f"did not end before the {self._options.run_seconds:g} s of the whole run were over")

    def _settle(self, run: HostRun, result: MultiResult) -> None:
        self._running.remove(run)
        outcome = outcome_of(run.host.name, result, run.seconds)
        self._keep(outcome, result)
        self._observers.ended(self._task, run.host, result)
        self._tell(outcome, str(outcome.error) if outcome.error else None)

    def _skip(self, host: Host, reason: str) -> None:
        seen = f"{host.name}: {self._task.name} was not started: {reason}"
        error = Interrupted(seen) if self._interruption.stopping else NotConverged(seen)
        outcome = Outcome(host.name, Status.SKIPPED, error=error, reason=reason)
        self._keep(outcome, failed(self._task, host, error))
        self._tell(outcome, f"skipped: {reason}")

    def _keep(self, outcome: Outcome, result: MultiResult) -> None:
        self.result[outcome.host] = result
        self.result.outcomes[outcome.host] = outcome

    def _tell(self, outcome: Outcome, error: str | None) -> None:
        self._observers.tell(HostDone(outcome.host, self._task.name, outcome.differences, outcome.seconds, error))

    def _why_stop(self) -> str | None:
        """Say why no further host may be started, if so."""
        if self._interruption.stopping:
            return "interrupted"
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return f"the {self._options.run_seconds:g} s of the whole run are over"
        failures = [name for name, outcome in self.result.outcomes.items() if outcome.status in _FAILURES]
        if len(failures) > self._may_fail:
            return (
                f"{len(failures)} of {len(self._hosts)} hosts failed or were unreachable, {self._may_fail} may "
                f"(max_failures): {', '.join(failures)}"
            )
        return None

    def _tell_of_signals(self) -> None:
        text = ""
        if self._interruption.aborting:
            text = "aborting: the connections are being closed"
        elif self._interruption.stopping:
            running = ", ".join(run.host.name for run in self._running) or "no host"
            text = f"stopping: no further host is started; waiting for {running}; interrupt again to abort"
        if text and text != self._told:
            self._told = text
            self._observers.tell(Note(text))
