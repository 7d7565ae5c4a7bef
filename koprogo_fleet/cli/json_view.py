"""How machines see a run."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from koprogo_fleet.cli.json_lines import Line, Target, differences_line, error_line, line_of, summary_line
from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Event
from koprogo_fleet.workflows.run import Report


class JsonView:
    """For machines: one JSON object a line on standard output, and nothing else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""

    def _write(self, line: Line) -> None:
        text = json.dumps(line.model_dump()) + "\n"  # in ASCII, whatever the text: a node may have said it
        with self._lock:
            sys.stdout.write(text)
            sys.stdout.flush()

    def target(self, kind: str, reason: str) -> None:
        """Write the target."""
        self._write(Target(target=kind, reason=reason))

    def event(self, event: Event) -> None:
        """Write one event."""
        self._write(line_of(event))

    def differences(self, title: str, report: Report) -> None:
        """Write every difference."""
        self._write(differences_line(title, report))

    def summary(
        self,
        kind: str,
        report: Report,
        next_steps: Sequence[str] = (),  # noqa: ARG002 - for people
        *,
        error: KoprogoError | None = None,
        planned: bool = False,  # noqa: ARG002 - for people
    ) -> None:
        """Write the error, if there is one, and the last line."""
        if error:
            self._write(error_line(error))
        self._write(summary_line(kind, report))
