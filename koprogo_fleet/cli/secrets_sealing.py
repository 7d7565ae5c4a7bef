"""``koprogo-fleet secrets seal | reseal``: sealing what goes into Git, and sealing again what is live."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.etcd_opening import Where
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
)
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.sealing.words import Format, Scope

if TYPE_CHECKING:
    from koprogo_fleet.cli.secrets_seal import Asked


def seal(
    scope: Annotated[
        Scope | None,
        typer.Option("--scope", help="What it is bound to; else what the input's annotations say, else strict."),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Instead of the input's; needed with --raw.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Instead of the input's; needed with --raw.")] = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--cert", help="Seal with this certificate, without any cluster.", envvar="SEALED_SECRETS_CERT"),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="The input is one value, not a manifest; print what it is sealed to.")
    ] = False,
    merge_into: Annotated[
        Path | None,
        typer.Option(
            "--merge-into", help="Put the values into this SealedSecret's file; all else in it stays byte for byte."
        ),
    ] = None,
    re_encrypt: Annotated[
        bool, typer.Option("--re-encrypt", help="The input is sealed: have the controller seal it with its newest key.")
    ] = False,
    validate: Annotated[
        bool, typer.Option("--validate", help="The input is sealed: ask the controller whether it can open it.")
    ] = False,
    output: Annotated[
        Format | None, typer.Option("--format", "-o", help="json, unless the output file's name says otherwise.")
    ] = None,
    source: Annotated[Path | None, typer.Option("--secret-file", "-f", help="Read this instead of the input.")] = None,
    destination: Annotated[
        Path | None, typer.Option("--sealed-secret-file", "-w", help="Write there instead of to the output.")
    ] = None,
    allow_empty: Annotated[bool, typer.Option("--allow-empty-data", help="A Secret may have no data.")] = False,
    controller_namespace: ControllerNamespace = DEFAULT_NAMESPACE,
    controller_name: ControllerName = DEFAULT_NAME,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
) -> None:
    """
    Seal Secret manifests from the input, as kubeseal does: YAML or JSON, one or many.

    The certificate is fetched through the tunnel and held against sealing.pem beside the inventory; the first one is kept there.
    A newer one is told, and sealed with once it is accepted; an unexpected one is refused.

    Example: koprogo-fleet secrets seal -o yaml < secret.yaml > sealed.yaml

    Example: koprogo-fleet secrets seal --raw --namespace koprogo --name api --cert sealing.pem < password

    Example: koprogo-fleet secrets seal --merge-into sealed.yaml < another-value.yaml

    Example: koprogo-fleet secrets seal --re-encrypt -f sealed.yaml
    """
    from koprogo_fleet.cli.secrets_seal import Asked, Mode, carry_out_seal

    modes = {Mode.RAW: raw, Mode.MERGE: merge_into is not None, Mode.RE_ENCRYPT: re_encrypt, Mode.VALIDATE: validate}
    chosen = [mode for mode, wanted in modes.items() if wanted] or [Mode.SEAL]
    if len(chosen) > 1:
        raise InputError(f"only one of these at a time: {', '.join(f'--{mode}' for mode in chosen)}")
    asked: Asked = Asked(
        chosen[0], scope, namespace, name, certificate, merge_into, output, source, destination, allow_empty=allow_empty
    )
    where = Where(inventory, environment, target, DEFAULT_LAB, as_json=False)
    written = carry_out_seal(asked, where, (controller_namespace, controller_name))
    sys.stdout.write(written)


def reseal(
    controller_namespace: ControllerNamespace = DEFAULT_NAMESPACE,
    controller_name: ControllerName = DEFAULT_NAME,
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
    Seal every live SealedSecret again that needs an older key than the controller's newest; no value changes.

    Each is opened in memory, changed only if nobody else has changed it meanwhile, and proven: the controller opens it, with the
    newest key alone, and its Secret holds the same. What is not in order is left alone, and told: exit code 1. Files in Git are
    sealed again by the other command: seal, with its option re-encrypt.

    Example: koprogo-fleet secrets reseal --dry-run
    """
    from koprogo_fleet.workflows.sealing.reseal import plan
    from koprogo_fleet.workflows.sealing.reseal import reseal as seal_again

    carry_out(
        "reseal",
        plan,
        seal_again,
        Where(inventory, environment, target, lab, as_json, log_file),
        (controller_namespace, controller_name),
        dry_run=dry_run,
        agree=by_question("koprogo-fleet secrets reseal", yes=yes, as_json=as_json, dry_run=dry_run),
        next_steps=("koprogo-fleet secrets keys status",),
    )
