"""A fleet on a lab of the tests' own, provisioned once for all of them; and what its nodes and OVH saw when a test fails."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Iterator

import pytest
from lab_fleet import Fleet, make_fleet

from koprogo_fleet.lab.paths import LabPaths

JOURNAL_LINES = 30
REQUEST_LINES = 40


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return a fleet that was provisioned from nothing; at the end its lab is taken down."""
    fleet = make_fleet("t-fleet", tmp_path_factory.mktemp("fleet"))
    try:
        done = fleet.run("provision", "--yes", timeout=1500)
        assert done.returncode == 0, done.stdout + done.stderr

        yield fleet
    finally:
        fleet.run("lab", "down")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what K3s and OVH saw last to the report of a failure: the lab is gone when somebody reads it."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for fleet in (value for value in item.funcargs.values() if isinstance(value, Fleet)):
            report.sections.extend([*_journals(fleet), _requests(fleet)])
    return report


def _requests(fleet: Fleet) -> tuple[str, str]:
    lines = fleet.request_log.read_text().splitlines() if fleet.request_log.exists() else []
    return "last calls of the OVH API", "\n".join(line[:300] for line in lines[-REQUEST_LINES:])


def _journals(fleet: Fleet) -> Iterator[tuple[str, str]]:
    units = ("--unit=k3s", "--unit=k3s-agent", "--unit=init.scope", f"--lines={JOURNAL_LINES}")
    for journal in LabPaths(fleet.lab).root.glob("machines/*/upper/var/log/journal"):
        command = ["journalctl", f"--directory={journal}", *units]
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        yield f"journal of machine {journal.parents[3].name}", told.stdout + told.stderr
