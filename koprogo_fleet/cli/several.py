"""One run, shown in several ways at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from koprogo_fleet.cli.render import View
from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Event
from koprogo_fleet.workflows.run import Report


class Several:
    """Shows a run by each of *views*, in this order."""

    def __init__(self, *views: View) -> None:
        self._views = views
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for view in self._views:
                stack.enter_context(view)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def target(self, kind: str, reason: str) -> None:
        """Say what the run works on."""
        for view in self._views:
            view.target(kind, reason)

    def event(self, event: Event) -> None:
        """Show one event."""
        for view in self._views:
            view.event(event)

    def differences(self, title: str, report: Report) -> None:
        """Show what would change."""
        for view in self._views:
            view.differences(title, report)

    def summary(
        self,
        kind: str,
        report: Report,
        next_steps: Sequence[str] = (),
        *,
        error: KoprogoError | None = None,
        planned: bool = False,
    ) -> None:
        """Show how the run ended."""
        for view in self._views:
            view.summary(kind, report, next_steps, error=error, planned=planned)
