"""``koprogo-fleet``: the commands, and what each exit code means."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from typing import Annotated

import typer

from koprogo_fleet.cli import (
    auth,
    cloud,
    cost,
    deploy,
    destroy,
    doctor,
    drift,
    etcd,
    harden,
    inventory,
    k3s,
    kubectl,
    lab,
    node,
    orphans,
    power,
    provision,
    releases,
    runs,
    scale,
    schedule,
    secrets,
    slo,
    vault,
)
from koprogo_fleet.core.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, KoprogoError

EXIT_CODES = """\
Exit codes: 0 everything is as desired; 1 the run ended, but something is not as desired; 2 stopped by an error that
is explained; 3 a plan found differences; 70 a bug; 130 interrupted.
"""

app = typer.Typer(
    name="koprogo-fleet",
    help="Provision and run K3s fleets on OVHcloud; on an embedded lab when no OVH credentials are set.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("provision")(provision.provision)
app.command("plan")(provision.plan)
app.command("scale")(scale.scale)
app.command("deploy")(deploy.deploy)
app.command("kubectl")(kubectl.kubectl)
app.command("cost")(cost.cost)
app.command("drift")(drift.drift)
app.command("harden")(harden.harden)
app.command("orphans")(orphans.orphans)
app.command("destroy")(destroy.destroy)
app.command("doctor")(doctor.doctor)
app.command("slo")(slo.slo)
app.add_typer(auth.app, name="auth")
app.add_typer(cloud.app, name="cloud")
app.add_typer(etcd.app, name="etcd")
app.add_typer(inventory.app, name="inventory")
app.add_typer(k3s.app, name="k3s")
app.add_typer(lab.app, name="lab")
app.add_typer(node.app, name="node")
app.add_typer(power.app, name="power")
app.add_typer(releases.app, name="releases")
app.add_typer(runs.app, name="runs")
app.add_typer(schedule.app, name="schedule")
app.add_typer(secrets.app, name="secrets")
app.add_typer(vault.app, name="vault")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"koprogo-fleet {version('koprogo-fleet')}\n")
        raise typer.Exit(EXIT_OK)


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command line; what goes wrong becomes a message and an exit code."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # systemd and cron end a run as Ctrl-C does: it is recorded
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(app))


def run(command: Callable[[], object]) -> int:
    """
    Run a typer application and return its exit code.

    An explained error is shown without a traceback, and so is a wrong option, by typer itself. Anything else is a bug:
    its traceback stays in sight.
    """
    try:
        command()
    except KoprogoError as error:
        from koprogo_fleet.cli.render import PeopleView, people_console

        PeopleView(people_console(stderr=True)).error(error)
        return error.exit_code
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else EXIT_OK
        if code == EXIT_INTERRUPTED:
            sys.stderr.write("Interrupted. Run the same command again: it goes on from here.\n")
        return code
    except Exception:  # noqa: BLE001 - the last resort: shown in full, and told from "not as desired" by its exit code
        traceback.print_exc()
        sys.stderr.write("This is a bug in koprogo-fleet. Please report it with the lines above.\n")
        return EXIT_BUG
    return EXIT_OK
