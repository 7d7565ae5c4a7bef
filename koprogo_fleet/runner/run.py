"""A task over some hosts of an inventory, as the workflows do it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from nornir.core import Nornir
from nornir.core.task import Result

from koprogo_fleet.core.errors import InputError, Interrupted, KoprogoError
from koprogo_fleet.core.events import Listener
from koprogo_fleet.runner.outcome import Outcome, root_error
from koprogo_fleet.runner.runner import FleetRunner


def _keep_nothing(_outcomes: Iterable[Outcome]) -> None:
    pass


def run_on(  # noqa: PLR0913, PLR0917 - Nornir's run, and what Nornir leaves open
    nornir: Nornir,
    hosts: Iterable[str],
    phase: str,
    task: Callable[..., Result],
    listener: Listener,
    options: Mapping[str, Any] = MappingProxyType({}),
    *,
    keep: Callable[[Iterable[Outcome]], None] = _keep_nothing,
) -> dict[str, Outcome]:
    """
    Run *task* with *options* on *hosts*, as *nornir*'s runner does; return an outcome for each of them.

    Args:
        nornir: its runner's options are the rules; a runner other than ours is replaced by ours.
        hosts: their inventory names.
        phase: what it is called.
        task: the Nornir task.
        listener: told of each host's end.
        options: the task's.
        keep: given every outcome before anything is raised.

    Raises:
        InputError: *hosts* is empty, or names one that the inventory does not have: nothing would be done there, and
            that is not success.
        Interrupted: a person stopped it.
        Exception: what a task raised that is no :exc:`KoprogoError`: a bug, which must not look like a host's failure.
    """
    names = set(hosts)
    if unknown := sorted(names - set(nornir.inventory.hosts)):
        raise InputError(
            f"{phase}: not in the inventory: {', '.join(unknown)}", next_step="koprogo-fleet inventory sync"
        )
    nornir.data.reset_failed_hosts()
    rules = nornir.runner if isinstance(nornir.runner, FleetRunner) else FleetRunner()
    runner = replace(rules, listener=listener)
    selected = nornir.filter(filter_func=lambda host: host.name in names).with_runner(runner)
    interrupted: Interrupted | None = None
    try:
        selected.run(task=task, name=phase, raise_on_error=False, **options)
    except Interrupted as error:
        interrupted = error
    assert runner.last is not None  # noqa: S101 - it has run, or raised something else
    outcomes = runner.last.outcomes
    keep(outcomes.values())
    if interrupted is not None:
        raise interrupted
    for result in runner.last.values():
        raised = root_error(result)
        if raised is not None and not isinstance(raised, KoprogoError):
            raise raised
    return outcomes
