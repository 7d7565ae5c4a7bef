"""The fleet's objects at OVH by themselves: planned, saved, applied as they were saved. No node is logged in to."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.inventory.documents import KNOWN_HOSTS
from koprogo_fleet.provision.apply import apply
from koprogo_fleet.provision.bill import PlanCost
from koprogo_fleet.provision.plan import Plan
from koprogo_fleet.provision.saved import plan_from_json, plan_to_json
from koprogo_fleet.provision.site import Limits, no_files
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.workflows.certificates import signatures
from koprogo_fleet.workflows.half_done import told_if_it_fails
from koprogo_fleet.workflows.ovh import FleetAtOvh, budget_of, open_fleet
from koprogo_fleet.workflows.phases.cloud import RecordedHostKeys
from koprogo_fleet.workflows.run import Phase, Report, run_phases
from koprogo_fleet.workflows.target import CloudTarget
from koprogo_fleet.workflows.vault import vault_on_demand

PHASE = "Cloud: what the plan says"

Confirm = Callable[[Plan], frozenset[str]]
"""Shown a plan before it is carried out; returns the names whose data may be lost, or raises."""


def plan_cloud(fleet: Fleet, target: CloudTarget, listener: Listener) -> Plan:
    """
    Set *fleet* against what OVH shows; only lists are read, and nothing is changed.

    Raises:
        OvhError: the API refuses, or gives no answer.
        InputError: OVH sells no such flavor or image, or not so many.
    """
    with open_fleet(fleet, target, listener) as here:
        return here.plan()


def priced_plan(
    fleet: Fleet, target: CloudTarget, listener: Listener, budget: Decimal | None
) -> tuple[Plan, PlanCost | None]:
    """
    Do as :func:`plan_cloud`; return also what the plan does to the bill, where it does anything and there are prices.

    Raises:
        OverBudget: there is a *budget*, and the catalogue cannot be read.
        OvhError: the API refuses, or gives no answer.
        InputError: OVH sells no such flavor or image, or not so many.
    """
    with open_fleet(fleet, target, listener) as here:
        wanted = here.plan()
        return wanted, here.price(wanted, budget)


def save(wanted: Plan, path: Path) -> None:
    """
    Write a plan that :func:`apply_saved` takes (0600).

    Raises:
        MissingRequirement: it cannot be written.
    """
    write_atomically(path, plan_to_json(wanted), mode=0o600)


def apply_saved(  # noqa: PLR0913 - what it needs, by name
    path: Path,
    fleet: Fleet,
    directory: Path,
    target: CloudTarget,
    listener: Listener,
    *,
    report: Report,
    confirm: Confirm,
    budget: Decimal | None = None,
    limits: Limits | None = None,
) -> None:
    """
    Carry out exactly the plan that was saved in *path*; nothing at all if fleet.yaml or an object has moved since.

    Args:
        path: written by :func:`save`.
        fleet: the one that it was made for, as it is now.
        directory: ``inventory/<env>``: the host keys of new nodes are recorded there.
        target: where.
        listener: is told what happens.
        report: takes the differences.
        confirm: shown the plan before anything is done.
        budget: what the fleet may cost a month, instead of what fleet.yaml says.
        limits: how long its waits may take.

    Raises:
        InputError: there is no such file, or it is no saved plan.
        OvhConflict: fleet.yaml or the world has moved; says what.
        OverBudget: the fleet would cost more than it may.
        NotConverged: see :func:`koprogo_fleet.provision.apply.apply`.
    """
    text = _read(path)
    with (
        changing(fleet, "cloud apply", target, listener) as journal,
        vault_on_demand(target.vault) as vault,
        signatures(fleet, vault) as signs,
        open_fleet(fleet, target, listener, vault) as here,
    ):
        shown = plan_from_json(text, here.plan())
        here.tell_price(shown, budget_of(fleet, budget))
        confirmed = confirm(shown)

        def carry_out(here: FleetAtOvh) -> None:
            report.differences += shown.differences
            with told_if_it_fails(shown, target.credentials, listener, here.keeper):
                apply(
                    shown,
                    here.api,
                    RecordedHostKeys(KnownHosts(directory / KNOWN_HOSTS)),
                    confirmed=confirmed,
                    first_files=signs.first_files if signs else no_files,
                    keeper=here.keeper,
                    listener=listener,
                    limits=limits,
                )

        run_phases((Phase(PHASE, carry_out),), here, report, listener, step=journal.step)


@contextmanager
def changing(fleet: Fleet, command: str, target: CloudTarget, listener: Listener) -> Generator[Journal]:
    """
    Be the only one who changes *fleet*, and write down what is done; yield the journal.

    Raises:
        KoprogoError: another run changes the fleet.
    """
    state = state_dir(fleet.name)
    with exclusive(state, command), Journal(state, command, target.kind, listener=listener) as journal:
        yield journal


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(
            f"cannot read the plan {path}: {reason}", next_step=f"koprogo-fleet cloud plan --out {path}"
        ) from error
