"""A run as the command line makes it, with everything that shows, logs or records it switched on."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from nornir.core import Nornir
from nornir.core.task import Result, Task
from rich.console import Console

from koprogo_fleet.cli.json_view import JsonView
from koprogo_fleet.cli.logfile import LogFile
from koprogo_fleet.cli.render import PeopleView
from koprogo_fleet.cli.several import Several
from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import HostDone, Note, PhaseStarted, Waiting
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.workflows.run import HostReport, Report
from koprogo_tasks._converge import converge

HOST = "koprogo-server-1"


@contextmanager
def debug_log(path: Path) -> Generator[None]:
    """Have every logger of this process write at DEBUG, Nornir's with its tracebacks and paramiko's included."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(args)r"))
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in (*root.manager.loggerDict, "nornir", "koprogo_fleet"))]
    levels = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        root.removeHandler(handler)
        handler.close()


def desired(task: Task, resources: Sequence[Resource], timeout: float = 120) -> Result:
    """Converge; Nornir logs the arguments of this task."""
    return converge(task, resources, timeout=timeout)


class Stage:
    """Where things happen, and what could be seen of them: *folder* has all that is written, *shown* all else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown: list[str] = []

    def converge(self, nornir: Nornir, resources: Sequence[Resource], timeout: float = 120) -> KoprogoError | None:
        """Run a converge, tell of it everywhere, and return its error."""
        nornir.data.reset_failed_hosts()
        (result,) = nornir.run(task=desired, resources=resources, timeout=timeout).values()
        self.shown += [repr(result), str(result), *(f"{vars(item)}" for item in result), str(nornir.data)]
        error = result.exception
        assert error is None or isinstance(error, KoprogoError), result.result
        self.tell(getattr(result[0], "differences", ()), error)
        return error

    def attempt(self, call: Callable[[], Any]) -> KoprogoError:
        """Return the error of *call*, which must fail, after telling of it everywhere."""
        try:
            call()
        except KoprogoError as error:
            self.tell((), error)
            return error
        raise AssertionError("it did not fail")

    def tell(self, differences: Sequence[Difference], error: KoprogoError | None) -> None:
        """Show a host's end in every view, and write it into the journal."""
        report = Report({HOST: HostReport(list(differences), {"Baseline": 1.0}, error=error)}, list(differences))
        seen = error.seen if error else None
        consoles = [Console(file=io.StringIO(), width=120, force_terminal=terminal) for terminal in (True, False)]
        with ExitStack() as stack:
            files = [PeopleView(console) for console in consoles]
            view = stack.enter_context(Several(*files, JsonView(), LogFile(self.folder / "run.log")))
            view.event(PhaseStarted("Baseline"))
            view.event(Waiting("it is so", seen or "not yet", 3.0, HOST))
            view.event(HostDone(HOST, "Baseline", differences, 1.0, seen))
            view.event(Note(str(error)))
            view.differences("Plan", report)
            view.summary("lab", report, error=error)
        self.shown += [console.file.getvalue() for console in consoles]  # type: ignore[attr-defined]
        with ExitStack() as stack:
            stack.enter_context(suppress(KoprogoError))
            journal = stack.enter_context(Journal(self.folder / "state", "provision", "lab"))
            stack.enter_context(journal.step("Baseline"))
            stack.enter_context(journal.change(HOST, "converge", differences))
            if error:
                raise error
        if error:
            self.shown += [repr(error), str(error.args), str(vars(error)), *traceback.format_exception(error)]
