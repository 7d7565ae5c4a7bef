"""A run to be shown: every event, and a report in which everything happened."""

from __future__ import annotations

from decimal import Decimal

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import Unreachable
from koprogo_fleet.core.events import (
    Cost,
    CostChange,
    Event,
    HostDone,
    HostStarted,
    Journaled,
    Note,
    PhaseEnded,
    PhaseStarted,
    Waiting,
)
from koprogo_fleet.workflows.run import HostReport, Report

CHANGE = Difference(Operation.CHANGE, "file /etc/hosts", "2 lines", "[3] lines", "--- now\n+++ desired\n@@\n-a\n+b")
CREATE = Difference(Operation.CREATE, "volume koprogo-worker-1", new="200 GB")

EVENTS: dict[str, Event] = {
    "phase-started": PhaseStarted("Baseline"),
    "host-started": HostStarted("cp-1", "Baseline"),
    "waiting": Waiting("cp-1 answers", "connection refused", 29.96, "cp-1"),
    "host": HostDone("cp-1", "Baseline", (CHANGE,), 1.234),
    "phase-ended": PhaseEnded("Baseline", 2.345, 1),
    "note": Note("no fleet is described here"),
    "journaled": Journaled(7),
    "cost": Cost(
        "EUR",
        Decimal("38.70"),
        Decimal("399.999"),
        Decimal(400),
        (CostChange("volume koprogo-worker-1", Decimal(0), Decimal("38.70")),),
        ("instance koprogo-cp-9",),
        Decimal("12.34"),
        "an estimate",
    ),
}


def report() -> Report:
    """Return a run that created a volume, changed one host, left one as it was, and could not reach two."""
    return Report(
        {
            "cp-1": HostReport([CHANGE], {"Baseline": 1.234, "K3s": 2.0}, [("sysctl", "read-only")]),
            "cp-2": HostReport(error=unreachable("cp-2"), not_applicable=[("sysctl", "read-only")]),
            "cp-3": HostReport(error=unreachable("cp-3"), not_applicable=[("sysctl", "read-only")]),
            "cp-4": HostReport(not_applicable=[("sysctl", "read-only")]),
        },
        [CREATE],
        12.34,
    )


def unreachable(host: str) -> Unreachable:
    """Return an error that is the same on each host."""
    return Unreachable(host, "no route", cause="it is off", next_step="look at it")
