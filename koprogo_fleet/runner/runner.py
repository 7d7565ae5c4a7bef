"""``fleet``: a Nornir runner with deadlines, batches and a failure budget, that can be interrupted."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from nornir.core.inventory import Host
from nornir.core.task import Task

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import InputError, Interrupted
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.permit import Action, Permit
from koprogo_fleet.runner.connections import refuse_if_cancelled
from koprogo_fleet.runner.interrupt import Interruption, interruptible
from koprogo_fleet.runner.observers import Observers
from koprogo_fleet.runner.options import Options
from koprogo_fleet.runner.outcome import FleetResult, Status
from koprogo_fleet.runner.quorum import Guard
from koprogo_fleet.runner.schedule import Schedule


class ChangeJournal(Protocol):
    """Writes down what is about to be done to a host, and then what became of it."""

    def change(self, host: str, what: str, differences: Sequence[Difference]) -> AbstractContextManager[None]:
        """Have the intent on the disk before the block begins, and its end afterwards."""


@dataclass(kw_only=True, eq=False)
class FleetRunner(Options):
    """
    The Nornir runner plugin ``fleet``; its options are those of :class:`Options`.

    Attributes:
        journal: where changes are written down, if anywhere.
        guard: without one, whatever may take an etcd member down is refused.
        fences: by host, what its fence file must say for a change to begin.
        listener: told of each host's end.
        last: the result of the last run, also of one that raised.
    """

    journal: ChangeJournal | None = None
    guard: Guard | None = None
    fences: Mapping[str, str] = field(default_factory=dict)
    listener: Listener = ignore
    last: FleetResult | None = field(default=None, init=False)

    def run(self, task: Task, hosts: list[Host]) -> FleetResult:
        """
        Run *task* on *hosts*; each of them has an entry in the result, and an outcome.

        While it runs in the main thread, Ctrl-C (or SIGTERM) lets the hosts that were started end and starts no
        others; the second one closes their connections.

        Raises:
            InputError: no host is selected, or a limit names a group that is none.
            Interrupted: a person stopped it; :attr:`last` tells about every host.
        """
        if task.task.__module__ == "nornir.core":  # Nornir closes its connections through us: always, and all of them
            return Schedule(task, hosts, Options(max_failures="100%"), Observers((), ignore), Interruption()).run()
        self._check(task, hosts)
        observers = Observers(task.processors, self.listener)
        with interruptible() as interruption:
            schedule = Schedule(task, hosts, self, observers, interruption)
            self.last = schedule.result
            schedule.run()
            self.last.observer_errors = observers.errors
            for error in tuple(observers.errors):
                observers.tell(
                    Note(f"{task.name}: an observer raised {error!r}; the results are complete all the same")
                )
            if interruption.stopping:
                observers.completed(task, self.last)  # Nornir comes to it only when nothing is raised
                raise _interrupted(task, self.last)
        return self.last

    @contextmanager
    def permit(self, action: Action) -> Generator[Permit]:
        """
        Allow *action* while the block runs; see :class:`~koprogo_fleet.core.permit.Permits`.

        Raises:
            InputError: it may take an etcd member down, and there is no guard.
            KoprogoError: the quorum would not survive it, it cannot be written down, or the task was cancelled
                meanwhile. Nothing was changed.
        """
        with ExitStack() as stack:
            if action.disrupts_etcd:
                if self.guard is None:
                    raise InputError(
                        f"{action.host}: {action.what} may take an etcd member down, and nothing guards the quorum",
                        next_step="set the runner's guard: FleetRunner(guard=QuorumGuard(...))",
                    )
                stack.enter_context(self.guard.disruption(action.host))
            refuse_if_cancelled(action.host)
            if self.journal is not None:
                stack.enter_context(self.journal.change(action.host, action.what, action.differences))
            yield Permit(self.fences.get(action.host))

    def _check(self, task: Task, hosts: Sequence[Host]) -> None:
        if not hosts:
            raise InputError(
                f"{task.name}: no host is selected",
                cause="the filter matches none, the inventory is empty, or all of them failed before",
                next_step="koprogo-fleet inventory show",
            )
        groups = task.nornir.inventory.groups
        if unknown := sorted(set(self.group_limits) - set(groups)):
            raise InputError(
                f"the runner's group_limits name a group that the inventory does not have: {', '.join(unknown)}",
                next_step=f"one of its groups: {', '.join(sorted(groups)) or 'it has none'}",
            )


def _interrupted(task: Task, result: FleetResult) -> Interrupted:
    counts = dict.fromkeys(Status, 0)
    for outcome in result.outcomes.values():
        counts[outcome.status] += 1
    told = ", ".join(f"{count} {status.value}" for status, count in counts.items() if count)
    return Interrupted(f"{task.name} was interrupted: {told}", next_step="run the same again: it goes on from there")
