"""``koprogo-fleet secrets keys``: the keys that the Sealed Secrets controller opens everything with."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.etcd_opening import EtcdCommand, Where, etcd_command
from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    Environment,
    Inventory,
    Json,
    LabName,
    LogPath,
    Target,
    Yes,
)
from koprogo_fleet.cli.secrets_opening import (
    DEFAULT_NAME,
    DEFAULT_NAMESPACE,
    ControllerName,
    ControllerNamespace,
    DryRun,
    by_question,
    carry_out,
    sealing_of,
)
from koprogo_fleet.core.errors import EXIT_NOT_CONVERGED, EXIT_OK, NotConverged

if TYPE_CHECKING:
    from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
    from koprogo_fleet.secrets.sealing.keys import SealingKey
    from koprogo_fleet.workflows.sealing.place import Sealing

app = typer.Typer(
    help="The sealing keys of the cluster: shown, kept in Vault, renewed, retired, restored.", no_args_is_help=True
)


@app.command()
def status(
    namespace: ControllerNamespace = DEFAULT_NAMESPACE,
    name: ControllerName = DEFAULT_NAME,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
) -> None:
    """
    Show every sealing key: its age, whether Vault has it, and how many live SealedSecrets need it.

    Every live SealedSecret is opened in memory, and compared with its Secret. Exit code 1 if one is not in order, a key is not in
    Vault, or the controller's newest key is not the trusted one.

    Example: koprogo-fleet secrets keys status
    """
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.secrets_sealing_view import as_object, sentences, table
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.sealing.keys import status as look

    where = Where(inventory, environment, target, lab, as_json)
    with (
        etcd_command(where, Report(), answers=True) as here,
        here.looking() as run,
        sealing_of(run, (namespace, name), Report()) as sealing,
    ):
        found = look(sealing)
    if as_json:
        sys.stdout.write(f"{json.dumps(as_object(found))}\n")
    else:
        console = people_console()
        console.print(table(found))
        for sentence in sentences(found):
            console.print(sentence, markup=False)
    raise typer.Exit(EXIT_OK if found.healthy else EXIT_NOT_CONVERGED)


@app.command()
def backup(
    namespace: ControllerNamespace = DEFAULT_NAMESPACE,
    name: ControllerName = DEFAULT_NAME,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Put every key into Vault that it lacks, then read all of them back and compare. Nothing there is taken away.

    Each field is the Secret's manifest: kubectl apply takes it, too.

    Example: koprogo-fleet secrets keys backup
    """
    from koprogo_fleet.workflows.sealing.keys import backup as put
    from koprogo_fleet.workflows.sealing.keys import unsaved

    carry_out(
        "keys backup",
        unsaved,
        lambda here, _missing: put(here),
        Where(inventory, environment, target, lab, as_json, log_file),
        (namespace, name),
        dry_run=dry_run,
        agree=lambda _here, _missing: True,
    )


@app.command()
def renew(
    namespace: ControllerNamespace = DEFAULT_NAMESPACE,
    name: ControllerName = DEFAULT_NAME,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Make a new key: Vault first, then the cluster; the controller is restarted, and seals with it from then on.

    What older keys have sealed still opens. The values themselves stay as they are: after a leak, they have to be changed, too.

    Example: koprogo-fleet secrets keys renew --yes
    """
    from koprogo_fleet.workflows.sealing.keys import renew as make
    from koprogo_fleet.workflows.sealing.keys import renewal

    carry_out(
        "keys renew",
        renewal,
        make,
        Where(inventory, environment, target, lab, as_json, log_file),
        (namespace, name),
        dry_run=dry_run,
        agree=by_question("koprogo-fleet secrets keys renew", yes=yes, as_json=as_json, dry_run=dry_run),
        next_steps=("koprogo-fleet secrets reseal", "git add sealing.pem: it has the new certificate"),
    )


@app.command()
def accept(
    namespace: ControllerNamespace = DEFAULT_NAMESPACE,
    name: ControllerName = DEFAULT_NAME,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    confirm: Annotated[
        str | None,
        typer.Option(
            "--confirm", metavar="FINGERPRINT", help="The key's fingerprint, where nobody can be asked for it."
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Trust the certificate that the controller shows now: it is written to sealing.pem beside the inventory.

    Where the controller proves that it still has the key that was trusted before, a yes is enough. Else its fingerprint has to be
    typed: compare it with the one in the controller's log.

    Example: koprogo-fleet secrets keys accept
    """
    from koprogo_fleet.cli.confirm import agreed, typed
    from koprogo_fleet.secrets.sealing.pin import write_pin
    from koprogo_fleet.workflows.sealing.keys import acceptance

    accepted: set[str] = set()

    def is_agreed(_here: EtcdCommand, planned: tuple[SealingCertificate, bool] | None) -> bool:
        if planned is None:
            return True
        shown, is_proven = planned
        accepted.add(shown.fingerprint)
        if is_proven and (yes or as_json):
            return yes
        if is_proven:
            return agreed(
                "The controller still has the former key. Trust this one?", "koprogo-fleet secrets keys accept --yes"
            )
        given = {confirm} if confirm else typed([shown.fingerprint], "Nothing proves that this is the same controller")
        if shown.fingerprint not in given:
            raise NotConverged(
                f"{shown.fingerprint} was not accepted: nothing proves that this is the same controller",
                next_step=f"koprogo-fleet secrets keys accept --confirm {shown.fingerprint}",
            )
        return True

    def write(here: Sealing, planned: tuple[SealingCertificate, bool] | None) -> None:
        if planned and planned[0].fingerprint not in accepted:
            raise NotConverged(
                f"the controller shows another key by now, {planned[0].fingerprint}: nothing was accepted"
            )
        if planned:
            write_pin(here.pin, planned[0])

    carry_out(
        "keys accept",
        acceptance,
        write,
        Where(inventory, environment, target, lab, as_json, log_file),
        (namespace, name),
        dry_run=dry_run,
        agree=is_agreed,
    )


@app.command()
def retire(
    key: Annotated[str, typer.Argument(help="Its name or fingerprint, as status shows it.")],
    namespace: ControllerNamespace = DEFAULT_NAMESPACE,
    name: ControllerName = DEFAULT_NAME,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="NAME", help="The key's name, where nobody can be asked for it."),
    ] = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Take an old key away from the controller: it opens nothing any more. Its Secret and its backup stay.

    Refused while a live SealedSecret needs it, or Vault does not have it. Files in Git that it has sealed open no more: seal them
    again first (secrets seal, with its option re-encrypt).

    Example: koprogo-fleet secrets keys retire sealed-secrets-keyabcde --confirm sealed-secrets-keyabcde
    """
    from koprogo_fleet.cli.confirm import typed
    from koprogo_fleet.workflows.sealing.keys import retire as take_away
    from koprogo_fleet.workflows.sealing.keys import retirement

    def is_agreed(_here: EtcdCommand, planned: SealingKey | None) -> bool:
        if planned is None:
            return True
        given = {confirm} if confirm or as_json else typed([planned.name], "What only this key opens, opens no more")
        if planned.name not in given:
            raise NotConverged(
                f"{planned.name} was not confirmed: nothing was changed",
                next_step=f"koprogo-fleet secrets keys retire {planned.name} --confirm {planned.name}",
            )
        return True

    def do(here: Sealing, planned: SealingKey | None) -> None:
        if planned:
            take_away(here, planned)

    carry_out(
        "keys retire",
        lambda here: retirement(here, key),
        do,
        Where(inventory, environment, target, lab, as_json, log_file),
        (namespace, name),
        dry_run=dry_run,
        agree=is_agreed,
    )


@app.command()
def restore(
    namespace: ControllerNamespace = DEFAULT_NAMESPACE,
    name: ControllerName = DEFAULT_NAME,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Put the keys from Vault back into a cluster that lost them, and prove that every SealedSecret opens.

    Each one has to be opened by the controller, and its Secret to hold what is sealed. A key that the wiped controller has made
    meanwhile stays, and stays the newest.

    Example: koprogo-fleet secrets keys restore --yes
    """
    from koprogo_fleet.workflows.sealing.keys import restoration
    from koprogo_fleet.workflows.sealing.keys import restore as put_back

    carry_out(
        "keys restore",
        restoration,
        put_back,
        Where(inventory, environment, target, lab, as_json, log_file),
        (namespace, name),
        dry_run=dry_run,
        agree=by_question("koprogo-fleet secrets keys restore", yes=yes, as_json=as_json, dry_run=dry_run),
        next_steps=("koprogo-fleet secrets keys backup", "koprogo-fleet secrets keys accept"),
    )
