"""
What a run works on: OVH when credentials are set, the embedded lab otherwise.

From here on nothing asks which it is: the lab speaks the same HTTP and SSH, and differs in addresses only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from koprogo_fleet.core.errors import MissingCredentials
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.credentials import OvhCredentials, from_environment
from koprogo_fleet.ovh.rate import Pace
from koprogo_fleet.vault import settings as vault_settings
from koprogo_fleet.vault.settings import VaultSettings
from koprogo_fleet.workflows.artifacts import K3sBinary, k3s_binary

if TYPE_CHECKING:  # no lab on a machine that only talks to OVH
    from koprogo_fleet.lab.lab import LabEndpoints

LAB = "lab"
OVH = "ovh"
PRODUCTION = "production"


@dataclass(frozen=True)
class Target:
    """
    The addresses and credentials of one run.

    Attributes:
        kind: ``lab`` or ``ovh``; for people to read, not for code to branch on.
        reason: why this one.
        environment: the folder below ``inventory/``.
        k3s: gets the K3s binary.
        images: gets archives of images that the nodes should have without a registry.
    """

    kind: str
    reason: str
    environment: str
    credentials: OvhCredentials
    vault: VaultSettings
    k3s: Callable[[Fleet], K3sBinary]
    images: Callable[[], Sequence[Path]]


@dataclass(frozen=True)
class CloudTarget:
    """
    The OVH part of a target, for what is done there alone.

    Attributes:
        vault: asked for only where a fleet needs it. Raises MissingCredentials where there is no way to log in.
    """

    kind: str
    credentials: OvhCredentials
    vault: Callable[[], VaultSettings]


@dataclass(frozen=True)
class Choice:
    """Which target, and why; made before anything is started."""

    kind: str
    reason: str
    environment: str
    credentials: OvhCredentials | None


def choose(wanted: str | None = None, environment: str | None = None) -> Choice:
    """
    Decide between OVH and the lab, and which environment is meant.

    Args:
        wanted: ``lab`` or ``ovh`` where a person insists; None looks for credentials.
        environment: the folder below ``inventory/``; None stands for ``KOPROGO_ENV``, else for the target's own:
            ``production`` or ``lab``.

    Raises:
        MissingCredentials: OVH is wanted and no credentials are set, or they are incomplete.
    """
    named = environment or os.environ.get("KOPROGO_ENV")
    found = None if wanted == LAB else from_environment()
    if found:
        credentials, place = found
        return Choice(OVH, f"{place} ({credentials.endpoint})", named or PRODUCTION, credentials)
    if wanted == OVH:
        raise MissingCredentials(
            "no OVH credentials are set",
            cause="neither OVH_APPLICATION_KEY nor OVH_CLIENT_ID is in the environment, nor in an ovh.conf",
            next_step="see docs/howto/ovh-credentials.md, or use the embedded lab: --target lab",
        )
    reason = (
        "it was asked for" if wanted else "no OVH credentials are set (OVH_ENDPOINT, OVH_APPLICATION_KEY, ovh.conf)"
    )
    return Choice(LAB, f"embedded, because {reason}", named or LAB, None)


def open_target(choice: Choice, listener: Listener, lab_name: str | None = None) -> Target:
    """
    Return the target, with the lab brought up if that is what was chosen.

    *lab_name* is ``KOPROGO_LAB``, or "default", where none is given.

    Raises:
        MissingRequirement: the lab needs something that this machine lacks.
        MissingCredentials: no way to log in to Vault.
    """
    if choice.credentials is not None:
        return Target(
            choice.kind,
            choice.reason,
            choice.environment,
            choice.credentials,
            _vault_of_the_environment(),
            k3s=lambda fleet: k3s_binary(fleet.k3s, listener),
            images=tuple,
        )
    return _lab(choice, listener, lab_name or _default_lab())


def open_cloud(choice: Choice, listener: Listener, lab_name: str | None = None) -> CloudTarget:
    """
    Return the OVH part of the target, with the lab brought up if that is what was chosen; no K3s is built for it.

    Raises:
        MissingRequirement: the lab needs something that this machine lacks.
    """
    if choice.credentials is not None:
        return CloudTarget(choice.kind, choice.credentials, _vault_of_the_environment)
    from koprogo_fleet.lab.lab import Lab

    endpoints = Lab(lab_name or _default_lab()).up(listener)
    return CloudTarget(choice.kind, lab_credentials(endpoints), lambda: _vault_of_the_lab(endpoints))


LAB_PACE = Pace(60, 20.0)
"""The lab's API is nobody else's, and need not be spared as OVH's."""


def lab_credentials(endpoints: LabEndpoints) -> OvhCredentials:
    """Return the credentials of the lab's OVH API."""
    return OvhCredentials(
        endpoint=endpoints.ovh_url,
        application_key=endpoints.application_key,
        application_secret=endpoints.application_secret,
        consumer_key=endpoints.consumer_key,
        project_id=endpoints.project_id,
        pace=LAB_PACE,
    )


def _lab(choice: Choice, listener: Listener, name: str) -> Target:
    from koprogo_fleet.helm.binary import packaged_kubectl
    from koprogo_fleet.lab import images, kubernetes, standin
    from koprogo_fleet.lab.image import ensure_image
    from koprogo_fleet.lab.lab import Lab

    endpoints = Lab(name).up(listener)
    kubernetes.start_build(ensure_image(listener), listener)  # goes on while the nodes are provisioned

    def stand_in(version: str) -> Path:
        kubernetes.wait_until_built(listener)
        kubernetes.put_kubectl(packaged_kubectl(listener))
        return standin.artifact(version)

    return Target(
        choice.kind,
        f"{name!r}, {choice.reason}",
        choice.environment,
        lab_credentials(endpoints),
        _vault_of_the_lab(endpoints),
        k3s=lambda fleet: k3s_binary(fleet.k3s, listener, fallback=lambda: stand_in(fleet.k3s.version)),
        images=images.ensure_images,
    )


def _vault_of_the_lab(endpoints: LabEndpoints) -> VaultSettings:
    return VaultSettings.with_token(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca)


def _vault_of_the_environment() -> VaultSettings:
    vault = vault_settings.from_environment()
    if vault is None:
        raise MissingCredentials(
            "VAULT_ADDR is not set",
            cause="the fleet's secrets are kept in Vault or OpenBao",
            next_step="export VAULT_ADDR=https://… and a way to log in: docs/howto/vault-login.md",
        )
    return vault


def _default_lab() -> str:
    return os.environ.get("KOPROGO_LAB", "default")
