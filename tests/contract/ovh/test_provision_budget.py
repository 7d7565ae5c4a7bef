"""The first phases of a run at the emulator: what it tells of money, and what a budget stops."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from emulated_cloud import Cloud
from emulated_run import context

from koprogo_fleet.core.errors import OverBudget
from koprogo_fleet.core.events import Cost, Note
from koprogo_fleet.core.paths import STATE_VARIABLE
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.cloud import cloud as apply_phase
from koprogo_fleet.workflows.phases.cloud import look


@pytest.fixture
def run(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Return a run over the emulator, with a Vault that nobody asks."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    return context(cloud, tmp_path)


def cloud_phase(run: Context) -> None:
    """Do what a run does at OVH."""
    look(run)
    apply_phase(run)


def costs(cloud: Cloud) -> list[Cost]:
    """Return what was told of money."""
    return [event for event in cloud.events if isinstance(event, Cost)]


def writes(cloud: Cloud) -> int:
    """Count the calls that change something."""
    return sum(entry["method"] != "GET" for entry in cloud.requests())


def test_a_plan_tells_its_money(cloud: Cloud, run: Context) -> None:
    """The change, the total and the basis of the CO2 estimate are told; a second plan has nothing to tell."""
    cloud_phase(run)

    (cost,) = costs(cloud)
    assert cost.change == cost.total > 400
    assert 7 == len(cost.changes)
    assert "an estimate, not a measurement" in cost.carbon_basis
    run.dry_run = True
    cloud_phase(run)
    assert 1 == len(costs(cloud))


@pytest.mark.parametrize("dry_run", [True, False])
def test_above_the_budget_nothing_is_done(cloud: Cloud, run: Context, *, dry_run: bool) -> None:
    """Plan and provision end before any POST, with exit code 2; the differences are in the report all the same."""
    run.budget, run.dry_run = Decimal(100), dry_run

    with pytest.raises(OverBudget, match="more than the budget of 100") as caught:
        cloud_phase(run)

    assert (2, 0) == (caught.value.exit_code, writes(cloud))
    assert run.report.differences


def test_without_prices_it_goes_on(cloud: Cloud, run: Context) -> None:
    """A catalogue that cannot be read is said, and stops only a run with a budget, before any POST."""
    cloud.fault("403", "GET", "/order/*", times=2)
    run.budget = Decimal(10_000)
    with pytest.raises(OverBudget, match="cannot be told"):
        cloud_phase(run)
    assert 0 == writes(cloud)
    run.budget, run.dry_run = None, True

    cloud_phase(run)

    assert [] == costs(cloud)
    notes = [event.text for event in cloud.events if isinstance(event, Note)]
    assert any("the plan is shown without its price" in text for text in notes)
