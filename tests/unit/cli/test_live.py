"""The live table: what each cell says, and that it fits wherever it is drawn."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console
from shown_runs import CHANGE

from koprogo_fleet.cli.live import LiveTable, drawn
from koprogo_fleet.cli.progress import WAIT_IS_OLD, Progress
from koprogo_fleet.core.events import Event, HostDone, HostStarted, PhaseStarted, Waiting, on_host

PHASES = ("First contact", "Baseline", "Artefacts", "K3s", "Secrets", "Releases", "Verify")


def lines(progress: Progress, now: float, width: int = 120, height: int = 40) -> list[str]:
    """Return what is drawn, line by line."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(drawn(progress, now, width, height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def after(*events: tuple[float, Event]) -> Progress:
    """Return the progress after *events*, each with its time."""
    progress = Progress(0.0)
    for now, event in events:
        progress.take(event, now)
    return progress


def test_each_cell_says_how_its_host_is() -> None:
    """Not begun, running since when, done in how many seconds with how many differences, or failed."""
    progress = after(
        (0, PhaseStarted("Everything")),
        *((1, HostStarted(host, "Baseline")) for host in ("a", "b", "c", "d")),
        (3, HostDone("b", "Baseline", (), 2.0)),
        (3, HostDone("c", "Baseline", (CHANGE, CHANGE), 2.0)),
        (3, HostDone("d", "Baseline", (), 2.0, "no route")),
        (90, HostStarted("b", "K3s")),
    )

    assert [
        "⠋ Everything  1:40 of 1:40",
        "Host  Baseline     K3s",
        "a     ▸ 1:39       ·",
        "b     ✓ 2.0 s      ▸ 10 s",
        "c     ✓ 2.0 s +2   ·",
        "d     ✗ 2.0 s      ·",
    ] == lines(progress, 100)


def test_rounds_of_one_phase_add_up() -> None:
    """A phase that comes to a host twice has the seconds and the differences of both; a failure stays."""
    progress = after(
        (0, HostDone("a", "K3s", (CHANGE,), 2.0)),
        (2, HostDone("a", "K3s", (CHANGE,), 3.0)),
        (5, HostStarted("b", "K3s")),
    )

    assert "a     ✓ 5.0 s +2" == lines(progress, 5)[2]
    progress.take(HostDone("a", "K3s", (), 1.0, "no"), 6)
    assert "a     ✗ 6.0 s" == lines(progress, 6)[2]


def test_waits_say_what_for_and_why() -> None:
    """A wait names its host, what has to become true, what was seen and the time left; hosts alike are told once."""
    events: list[Event] = []
    for host in ("a", "b"):
        on_host(host, events.append)(Waiting(f"{host}: SSH answers", "refused", 30.0))
    progress = after(*((0, event) for event in [*events, Waiting("release x answering", "404", 20.0)]))

    assert ["  … 2 hosts: SSH answers - refused (26 s left)", "  … release x answering - 404 (16 s left)"] == lines(
        progress, 4
    )[1:]
    progress.take(HostDone("a", "First contact"), 4)
    assert "  … b: SSH answers - refused (26 s left)" in lines(progress, 4)
    assert 3 == len(lines(progress, WAIT_IS_OLD))


def test_a_wait_that_does_not_fit_takes_two_lines() -> None:
    """On a narrow terminal the reason has a line of its own: it is what a person looks for."""
    progress = after((0, Waiting("k3s-agent active and node Ready", "activating (auto-restart), " + "x" * 100, 30.0)))

    shown = lines(progress, 0, width=60)

    assert ["  … k3s-agent active and node Ready (30 s left)"] == shown[1:2]
    assert shown[2].startswith("    activating (auto-restart), xxx")
    assert shown[2].endswith("…")


@pytest.mark.parametrize("hosts", [1, 6, 50, 500])
@pytest.mark.parametrize(("width", "height"), [(60, 12), (80, 24), (120, 40), (250, 70)])
@pytest.mark.parametrize("phases", [1, 4, 7])
def test_it_fits(hosts: int, width: int, height: int, phases: int) -> None:
    """However many hosts, phases and waits there are, it is within the terminal; failed and running hosts are shown."""
    progress = after((0, PhaseStarted("A title of some length: names, vRack, packages, kernel, sshd, firewall")))
    names = [f"koprogo-worker-{number}" for number in range(hosts)]
    for phase in PHASES[:phases]:
        for name in names:
            progress.take(HostDone(name, phase, (CHANGE,) * 23, 61.0), 1)
    progress.take(HostDone(names[-1], PHASES[0], (), 1.0, "no"), 1)
    progress.take(HostStarted(names[hosts // 2], PHASES[phases - 1]), 1)
    for name in names[:9]:
        progress.take(Waiting(f"{name} answers", "no answer " * 30, 9.0), 1)

    shown = lines(progress, 2, width, height)

    assert len(shown) < height
    assert max(map(len, shown)) <= width
    assert PHASES[phases - 1] in shown[1]
    assert [] == [name for name in (names[-1], names[hosts // 2]) if not any(f"{name} " in line for line in shown)]


def test_earlier_phases_are_added_up_when_there_is_no_room() -> None:
    """On a narrow terminal the newest phases stay, and one column holds the sum of the ones before."""
    progress = after(*((0, HostDone("a", phase, (CHANGE,), 2.0)) for phase in PHASES[:4]))

    assert ["Host  Earlier      K3s", "a     ✓ 6.0 s +3   ✓ 2.0 s +1"] == lines(progress, 0, width=40)[1:]


def test_events_come_from_any_thread() -> None:
    """Twenty hosts that tell at once, while it is drawn, are all in the table."""
    console = Console(file=io.StringIO(), width=80, height=60, force_terminal=True, color_system=None)
    table = LiveTable(console)

    def tell(number: int) -> None:
        for _ in range(50):
            table.event(HostStarted(f"h-{number}", "Baseline"))
            table.event(HostDone(f"h-{number}", "Baseline", (CHANGE,), 0.01))

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(20)]
    table.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    table.stop()

    assert isinstance(console.file, io.StringIO)
    last = console.file.getvalue().rpartition("Host")[2]
    assert 20 == last.count("✓ 0.5 s +50")
