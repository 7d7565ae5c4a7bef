"""The live table of a run: hosts by phases, within the terminal's width and height."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from koprogo_fleet.cli.progress import Cell, Progress
from koprogo_fleet.cli.wording import duration, printable, without_name
from koprogo_fleet.core.events import Event, Waiting

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
REFRESHES = 4
"""Per second: enough to be alive, and easy on a slow terminal."""

HOST_WIDTH = 28
CELL_WIDTH = len("✓ 59:59 +99")
GAP = 2
MOST_WAITS = 3
SPARE_LINES = 3
"""Kept free below the table, for the cursor and a person's own typing."""
LEAST_ROWS = 3
EARLIER = "Earlier"


class LiveTable:
    """
    Draws the progress of a run on a terminal, in one place; what is printed meanwhile scrolls above it.

    Events may come from several threads.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._progress = Progress(clock())
        self._live = Live(self, console=console, refresh_per_second=REFRESHES, transient=True)

    def start(self) -> None:
        """Draw from now on."""
        self._live.start()

    def stop(self) -> None:
        """Take the table away, so that results or a question have the terminal to themselves."""
        self._live.stop()

    def event(self, event: Event) -> None:
        """Learn from one event; drawn at the next refresh."""
        with self._lock:
            self._progress.take(event, self._clock())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            yield drawn(self._progress, self._clock(), options.max_width, console.height)


def drawn(progress: Progress, now: float, width: int, height: int) -> Group:
    """Return the picture of *progress* at the time *now*, at most *width* columns and *height* lines."""
    waits = _wait_lines(list(progress.waits(now)), width)[: height // 3]
    parts: list[Text | Table] = [_title(progress, now, width)]
    if progress.hosts:
        rows = max(LEAST_ROWS, height - SPARE_LINES - len(waits) - 2)
        parts += _table(progress, now, width, rows)
    return Group(*parts, *waits)


def _title(progress: Progress, now: float, width: int) -> Text:
    spinner = SPINNER[int(now * REFRESHES) % len(SPINNER)]
    times = f"{duration(now - progress.phase_began)} of " if progress.phase else ""
    right = f"  {times}{duration(now - progress.began)}"
    left = Text(f"{spinner} {printable(progress.phase) or 'Starting'}", style="bold cyan")
    left.truncate(max(1, width - len(right)), overflow="ellipsis")
    return left.append(right, style="dim")


def _table(progress: Progress, now: float, width: int, rows: int) -> list[Text | Table]:
    name_width = min(HOST_WIDTH, max(map(len, ["Host", *progress.hosts])))
    shown_phases = _fitting(progress.phases, width - name_width)
    earlier = [phase for phase in progress.phases if phase not in shown_phases]
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("Host", width=name_width, no_wrap=True, overflow="ellipsis")
    for title in [*([EARLIER] if earlier else []), *shown_phases]:
        table.add_column(title, min_width=CELL_WIDTH, no_wrap=True, overflow="ellipsis")
    names = _most_telling(progress, rows)
    for name in names:
        cells = progress.hosts[name]
        before = [reduce(Cell.__add__, (cells.get(phase, Cell()) for phase in earlier))] if earlier else []
        table.add_row(Text(printable(name)), *(_cell(cell, now) for cell in [*before, *map(cells.get, shown_phases)]))
    if left_out := [cells for name, cells in progress.hosts.items() if name not in names]:
        states = Counter(map(_state, left_out))
        words = ", ".join(f"{states[state]} {state}" for state in ("failed", "running", "done") if states[state])
        return [table, Text(f"… and {len(left_out)} more: {words}", style="dim")]
    return [table]


def _fitting(phases: Sequence[str], width: int) -> list[str]:
    """Return the newest phases that have room side by side; a column for those before them is counted in."""
    needed = [max(len(phase), CELL_WIDTH) + GAP for phase in phases]
    if sum(needed) + GAP <= width:
        return list(phases)
    room, first = width - GAP - CELL_WIDTH - GAP, len(phases)
    while first and needed[first - 1] <= room:
        first -= 1
        room -= needed[first]
    return list(phases[min(first, len(phases) - 1) :])


def _most_telling(progress: Progress, rows: int) -> list[str]:
    """Return the hosts that have room: failed ones, then running ones, then the others; shown in their usual order."""
    if len(progress.hosts) <= rows:
        return list(progress.hosts)
    order = ("failed", "running", "done")
    ranked = sorted(progress.hosts, key=lambda name: order.index(_state(progress.hosts[name])))
    chosen = set(ranked[: rows - 1])
    return [name for name in progress.hosts if name in chosen]


def _state(cells: dict[str, Cell]) -> str:
    if any(cell.failed for cell in cells.values()):
        return "failed"
    return "running" if any(cell.since is not None for cell in cells.values()) else "done"


def _cell(cell: Cell | None, now: float) -> Text:
    if cell is None or cell == Cell():
        return Text("·", style="dim")
    if cell.since is not None:
        return Text(f"▸ {duration(cell.seconds + now - cell.since)}", style="cyan")
    if cell.failed:
        return Text(f"✗ {duration(cell.seconds)}", style="red")
    if cell.differences:
        return Text(f"✓ {duration(cell.seconds)} +{cell.differences}", style="yellow")
    return Text(f"✓ {duration(cell.seconds)}", style="green")


def _wait_lines(waits: Sequence[Waiting], width: int) -> list[Text]:
    """Return what is waited for and why; hosts that wait for the same, and see the same, are told once."""
    alike: dict[tuple[str, str], list[Waiting]] = {}
    for wait in waits:
        condition = without_name(wait.host or "", wait.condition)
        observation = without_name(wait.host or "", wait.observation)
        alike.setdefault((condition, observation), []).append(wait)
    lines = []
    for (condition, observation), group in list(alike.items())[:MOST_WAITS]:
        hosts = [wait.host for wait in group if wait.host]
        who = f"{hosts[0]}: " if len(hosts) == 1 else f"{len(hosts)} hosts: " if hosts else ""
        left = f"({duration(min(wait.seconds_left for wait in group))} left)"
        whole = f"  … {who}{condition} - {observation} {left}"
        texts = [whole] if len(whole) <= width else [f"  … {who}{condition} {left}", f"    {observation}"]
        lines += [_one_line(text, width) for text in texts]
    if len(alike) > MOST_WAITS:
        lines.append(_one_line(f"  … and {len(alike) - MOST_WAITS} more are waited for", width))
    return lines


def _one_line(text: str, width: int) -> Text:
    line = Text(printable(text).replace("\n", " "), style="dim")
    line.truncate(width, overflow="ellipsis")
    return line
