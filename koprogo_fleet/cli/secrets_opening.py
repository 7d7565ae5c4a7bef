"""What the commands about secrets begin with: the controller through the tunnel, and the sealing of a whole cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from koprogo_fleet.cli.etcd_opening import EtcdCommand, Where, etcd_command
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK, InputError

if TYPE_CHECKING:
    from koprogo_fleet.core.events import Listener
    from koprogo_fleet.kube.sealing import SealingController
    from koprogo_fleet.workflows.context import Context
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.sealing.place import Sealing

ControllerNamespace = Annotated[str, typer.Option("--controller-namespace", help="Where the controller runs.")]
ControllerName = Annotated[
    str, typer.Option("--controller-name", help="Its Service; sealed-secrets where Helm has named it.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only look, and tell what would be done. Exit code 3 if anything would.")
]
DEFAULT_NAMESPACE = "kube-system"
DEFAULT_NAME = "sealed-secrets-controller"

Planned = TypeVar("Planned")


@contextmanager
def controller_of(
    where: Where, namespace: str, name: str, listener: Listener
) -> Generator[tuple[SealingController, Path]]:
    """Reach a fleet's controller through the tunnel; yield it, and the file of the certificate that is trusted."""
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.core.paths import state_dir
    from koprogo_fleet.kube.client import Cluster
    from koprogo_fleet.kube.sealing import SealingController
    from koprogo_fleet.secrets.sealing.pin import FILE
    from koprogo_fleet.workflows.access import api_tunnel
    from koprogo_fleet.workflows.certificates import logged_in
    from koprogo_fleet.workflows.nornir import open_nornir
    from koprogo_fleet.workflows.target import choose

    choice = choose(where.target, where.environment)
    directory = where.inventory / choice.environment
    fleet = load_fleet(directory / "fleet.yaml")
    servers = [node.name for node in fleet.servers]
    with (
        logged_in(fleet, choice, listener),
        api_tunnel(open_nornir(directory), servers, state_dir(fleet.name)) as kubeconfig,
        Cluster.from_file(kubeconfig) as cluster,
    ):
        yield SealingController(cluster, namespace, name, listener), directory / FILE


@contextmanager
def sealing_of(run: Context, controller: tuple[str, str], report: Report) -> Generator[Sealing]:
    """Yield the sealing of a run's cluster; *controller* is its namespace and its Service."""
    from koprogo_fleet.kube.sealing import SealingController
    from koprogo_fleet.secrets.sealing.backup import BELOW_THE_FOLDER
    from koprogo_fleet.secrets.sealing.pin import FILE
    from koprogo_fleet.workflows.sealing.place import Sealing

    with run.cluster() as (cluster, _kubeconfig):
        yield Sealing(
            SealingController(cluster, *controller, run.listener),
            run.vault,
            f"{run.fleet.vault.folder}/{BELOW_THE_FOLDER}",
            run.directory / FILE,
            run.listener,
            report,
        )


def carry_out(
    name: str,
    plan: Callable[[Sealing], Planned],
    do: Callable[[Sealing, Planned], None],
    where: Where,
    controller: tuple[str, str],
    *,
    dry_run: bool,
    agree: Callable[[EtcdCommand, Planned], bool],
    next_steps: tuple[str, ...] = (),
) -> None:
    """
    Look, show what would be done, ask, look again under the lock, and do it.

    Args:
        name: of the command, for the journal.
        plan: looks, and fills the report.
        do: what was planned.
        where: which fleet.
        controller: its namespace and its Service.
        dry_run: end after showing.
        agree: asks a person; not called where nothing would be done.
        next_steps: what may be done then.
    """
    from koprogo_fleet.workflows.etcd.runs import changing
    from koprogo_fleet.workflows.run import Report

    report = Report()
    with etcd_command(where, report) as here:
        first = Report()
        with here.looking() as run, sealing_of(run, controller, first) as sealing:
            planned = plan(sealing)
        here.view.differences("Plan", first)
        if dry_run:
            here.view.summary(here.choice.kind, first, planned=True)
            raise typer.Exit(EXIT_CHANGES if first.changed else EXIT_OK)
        if first.changed and not agree(here, planned):
            raise typer.Exit(EXIT_CHANGES)
        command = f"secrets {name}"
        with (
            changing(command, here.fleet, here.directory, here.target, here.view.event, report) as run,
            sealing_of(run, controller, report) as sealing,
        ):
            do(sealing, plan(sealing))
        here.view.summary(here.choice.kind, report, next_steps)


def by_question(command: str, *, yes: bool, as_json: bool, dry_run: bool) -> Callable[[EtcdCommand, object], bool]:
    """
    Return what asks before a command does its work.

    Raises:
        InputError: nobody could answer.
    """
    if as_json and not (yes or dry_run):
        raise InputError(
            "--json cannot ask for a confirmation", next_step=f"add --yes, or look first: {command} --dry-run"
        )

    def ask(_here: EtcdCommand, _planned: object) -> bool:
        from koprogo_fleet.cli.confirm import agreed

        return yes or agreed("Do this?", f"{command} --yes")

    return ask
