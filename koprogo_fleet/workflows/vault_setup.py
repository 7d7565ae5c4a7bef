"""Which Vault is meant, how it is, and what a fleet needs of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.errors import KoprogoError, NotConverged, VaultRefused
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.vault import settings as vault_settings
from koprogo_fleet.vault.health import Health, health
from koprogo_fleet.vault.session import VaultSession
from koprogo_fleet.vault.settings import VaultSettings
from koprogo_fleet.vault.setup import Step, Wishes, apply, observe, plan, wanted
from koprogo_fleet.workflows.target import LAB, OVH, PRODUCTION, vault_of_the_environment


@dataclass(frozen=True)
class VaultChoice:
    """Which Vault: the lab's, or that of the environment; and the folder below ``inventory/`` that goes with it."""

    kind: str
    environment: str


def choose_vault(wanted_kind: str | None = None, environment: str | None = None) -> VaultChoice:
    """Decide by ``VAULT_ADDR``, unless a person insists: a Vault can be set up before there are credentials of OVH."""
    kind = wanted_kind or (OVH if os.environ.get(vault_settings.ADDRESS, "").strip() else LAB)
    named = environment or os.environ.get("KOPROGO_ENV")
    return VaultChoice(kind, named or (LAB if kind == LAB else PRODUCTION))


def administrator(choice: VaultChoice, lab_name: str, listener: Listener) -> VaultSettings:
    """
    Return how to reach Vault with all rights: the lab's root token, or what the environment has.

    Raises:
        MissingCredentials: the environment has no Vault, or no way to log in to it.
        MissingRequirement: the lab's OpenBao is not installed.
    """
    if choice.kind != LAB:
        return vault_of_the_environment()
    from koprogo_fleet.lab import openbao
    from koprogo_fleet.lab.paths import LabPaths

    endpoint = openbao.ensure_running(LabPaths(lab_name), listener)
    return VaultSettings.with_token(endpoint.address, openbao.root_token(LabPaths(lab_name)), endpoint.ca)


class Setup:
    """
    The plan of a setup, and its work.

    Raises:
        InputError: something else is mounted where an engine is wanted.
        VaultError: Vault refuses, or cannot be reached.
    """

    def __init__(self, fleet: Fleet, wishes: Wishes, session: VaultSession) -> None:
        self._session, self._wanted = session, wanted(fleet, wishes)
        self.steps: Sequence[Step] = self._plan()

    def apply(self, listener: Listener) -> None:
        """
        Take the steps, then look again.

        Raises:
            NotConverged: something is still not as it should be.
            VaultError: Vault refuses, or cannot be reached; the next run goes on from there.
        """
        apply(self._session, self.steps, listener)
        if left := self._plan():
            raise NotConverged(
                f"Vault does not keep what was written: {'; '.join(step.wanted.what for step in left)}",
                cause="somebody else writes the same objects",
            )

    def _plan(self) -> Sequence[Step]:
        return plan(self._wanted, observe(self._session, self._wanted))


@dataclass(frozen=True)
class VaultStatus:
    """How a Vault is; *token* is what it tells of our own, None where it tells nothing, and *refused* why."""

    address: str
    health: Health
    token: Mapping[str, Any] | None = None
    refused: KoprogoError | None = None


def vault_status(settings: VaultSettings) -> VaultStatus:
    """
    Return how Vault is, and what our token is there; a login is made and ended for it.

    Raises:
        VaultUnavailable: no answer.
        VaultError: the server is not our Vault.
    """
    found = health(settings)
    if found.sealed or not found.initialised:
        return VaultStatus(settings.address, found)
    with settings.session() as session:
        try:
            return VaultStatus(settings.address, found, session.token_facts())
        except VaultRefused as refused:
            return VaultStatus(settings.address, found, refused=refused)
