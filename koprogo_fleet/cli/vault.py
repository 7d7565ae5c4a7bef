"""``koprogo-fleet vault``: what a fleet needs of Vault or OpenBao, and how it is."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    Environment,
    Inventory,
    Json,
    LabName,
    TargetKind,
    Yes,
)
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_NOT_CONVERGED, EXIT_OK, InputError

if TYPE_CHECKING:
    from koprogo_fleet.vault.setup.wanted import Login
    from koprogo_fleet.workflows.vault_setup import Setup

app = typer.Typer(help="What the fleet needs of Vault or OpenBao, and how it is.", no_args_is_help=True)


class LoginKind(StrEnum):
    """What ``--login`` may be."""

    APPROLE = "approle"
    KUBERNETES = "kubernetes"
    JWT = "jwt"


class PurposeName(StrEnum):
    """What ``--for`` may be."""

    PROVISION = "provision"
    ROTATE = "rotate"
    READ = "read"


Target = Annotated[
    TargetKind | None,
    typer.Option(
        "--target",
        help="lab: the lab's OpenBao; ovh: that of the environment. By default the latter where VAULT_ADDR is set.",
        envvar="KOPROGO_TARGET",
    ),
]
PkiMount = Annotated[
    str | None,
    typer.Option("--pki", metavar="MOUNT", help="Also an authority for TLS inside the fleet, at this mount."),
]
PkiDomain = Annotated[
    list[str] | None,
    typer.Option(
        "--pki-domain",
        metavar="DOMAIN",
        help="It may certify names below this domain; by default svc and svc.cluster.local. May be repeated.",
    ),
]
PkiParent = Annotated[
    str | None,
    typer.Option("--pki-parent", metavar="MOUNT", help="The PKI engine that signs it; without, it is a root."),
]
LoginOption = Annotated[LoginKind | None, typer.Option("--login", help="Also a role for each policy, to log in by.")]
LoginMount = Annotated[
    str | None, typer.Option("--login-mount", metavar="MOUNT", help="Where; by default the method's name.")
]
Purposes = Annotated[
    list[PurposeName] | None,
    typer.Option("--for", help="Policies and roles for this purpose alone; may be repeated. By default for all."),
]
ServiceAccount = Annotated[
    str | None,
    typer.Option("--service-account", metavar="NAMESPACE/NAME", help="With --login kubernetes: who may log in."),
]
KubernetesHost = Annotated[
    str | None,
    typer.Option("--kubernetes-host", metavar="URL", help="And the API server, where Vault does not know it yet."),
]
KubernetesCa = Annotated[
    Path | None,
    typer.Option("--kubernetes-ca", metavar="FILE", help="And the authority of its certificate, in PEM."),
]
Audience = Annotated[
    str | None, typer.Option("--audience", help="With --login jwt: whom the JWT must be for.", metavar="NAME")
]
Claim = Annotated[
    list[str] | None,
    typer.Option("--claim", metavar="NAME=VALUE", help="And what it must say; may be repeated."),
]
Issuer = Annotated[
    str | None,
    typer.Option("--issuer", metavar="URL", help="And who issues it, where Vault does not know that yet."),
]


@app.command()
def setup(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    look: Annotated[
        bool, typer.Option("--plan", help="Only show what would be written. Exit code 3 if anything would.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
    pki: PkiMount = None,
    pki_domain: PkiDomain = None,
    pki_parent: PkiParent = None,
    login: LoginOption = None,
    login_mount: LoginMount = None,
    purposes: Purposes = None,
    service_account: ServiceAccount = None,
    kubernetes_host: KubernetesHost = None,
    kubernetes_ca: KubernetesCa = None,
    audience: Audience = None,
    claim: Claim = None,
    issuer: Issuer = None,
) -> None:
    """
    Write the engines, roles and least-privilege policies that the fleet needs; they are shown first, policies as text.

    It needs a token that may do that: export VAULT_TOKEN for it, and not for the fleet's runs. Nothing is ever deleted,
    and signing keys that are there stay. Give the same options each time: a policy has what they say, and no more.

    Example: koprogo-fleet vault setup --plan

    Example: koprogo-fleet vault setup --login approle --pki pki-internal

    Example: koprogo-fleet vault setup --login kubernetes --service-account koprogo/rotation --for rotate

    Example: koprogo-fleet vault setup --login jwt --audience koprogo --claim repository=gilmry/koprogo --for rotate
    """
    from koprogo_fleet.cli.confirm import agreed
    from koprogo_fleet.cli.opening import progress
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.results import show_differences
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.vault.setup import Pki, Purpose, Wishes
    from koprogo_fleet.vault.setup.wanted import IN_CLUSTER
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.vault_setup import Setup, administrator, choose_vault

    if as_json and not (look or yes):
        raise InputError("--json cannot ask for a confirmation", next_step="add --yes, or look first: --plan")
    wishes = Wishes(
        Pki(pki, tuple(pki_domain or IN_CLUSTER), pki_parent) if pki else None,
        _login(login, login_mount, service_account, kubernetes_host, kubernetes_ca, audience, claim or [], issuer),
        tuple(Purpose(one) for one in purposes or PurposeName),
    )
    choice = choose_vault(target, environment)
    with progress(quiet=as_json) as listener:
        fleet = load_fleet(ensure_inventory(inventory, choice.environment, listener) / "fleet.yaml")
        settings = administrator(choice, lab, listener)
    with settings.session() as session:
        found = Setup(fleet, wishes, session)
        if as_json:
            _print_json(found)
        else:
            show_differences(people_console(), "Plan", Report(differences=[step.difference for step in found.steps]))
        if look:
            raise typer.Exit(EXIT_CHANGES if found.steps else EXIT_OK)
        if found.steps:
            if not (yes or agreed("Apply this plan?", "koprogo-fleet vault setup --yes")):
                raise typer.Exit(EXIT_CHANGES)
            with progress(quiet=as_json) as listener:
                found.apply(listener)


@app.command()
def status(
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
) -> None:
    """
    Show whether Vault is sealed, its version, and what our token may do and for how long. Exit code 1 if it cannot be used.

    Example: koprogo-fleet vault status --json
    """
    from koprogo_fleet.cli.opening import progress
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.workflows.vault_setup import administrator, choose_vault, vault_status

    with progress(quiet=as_json) as listener:
        found = vault_status(administrator(choose_vault(target), lab, listener))
    values = {"address": found.address, **asdict(found.health), "token": found.token}
    if as_json:
        sys.stdout.write(json.dumps(values) + "\n")
    else:
        shown = {**values, **(found.token or {"token": found.refused or "-"})}
        for name, value in shown.items():
            if not isinstance(value, dict):
                people_console().print(f"{name:13} {value}", highlight=False, markup=False)
    raise typer.Exit(EXIT_OK if found.token is not None else EXIT_NOT_CONVERGED)


def _login(
    kind: LoginKind | None,
    mount: str | None,
    service_account: str | None,
    kubernetes_host: str | None,
    kubernetes_ca: Path | None,
    audience: str | None,
    claims: list[str],
    issuer: str | None,
) -> Login | None:
    from koprogo_fleet.vault.setup import AppRoleLogin, JwtLogin, KubernetesLogin

    match kind:
        case None:
            return None
        case LoginKind.APPROLE:
            return AppRoleLogin(mount or kind)
        case LoginKind.KUBERNETES:
            namespace, slash, name = (service_account or "").partition("/")
            if not (namespace and slash and name):
                raise typer.BadParameter("--login kubernetes needs --service-account NAMESPACE/NAME")
            ca = kubernetes_ca.read_text(encoding="ascii") if kubernetes_ca else None
            return KubernetesLogin(namespace, name, mount or kind, kubernetes_host, ca)
        case LoginKind.JWT:
            pairs = [claim.partition("=") for claim in claims]
            if not audience or not pairs or any(not (name and value) for name, _, value in pairs):
                raise typer.BadParameter("--login jwt needs --audience NAME and --claim NAME=VALUE")
            return JwtLogin(audience, {name: value for name, _, value in pairs}, mount or kind, issuer)


def _print_json(found: Setup) -> None:
    for step in found.steps:
        sys.stdout.write(json.dumps(asdict(step.difference)) + "\n")
