"""How a Vault is, asked without a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import requests

from koprogo_fleet.core.errors import VaultError
from koprogo_fleet.vault.errors import unreachable
from koprogo_fleet.vault.http import Wire, client
from koprogo_fleet.vault.settings import VaultSettings


@dataclass(frozen=True)
class Health:
    """What Vault says of itself; a standby hands what it is asked to the active server."""

    initialised: bool
    sealed: bool
    standby: bool
    version: str


def health(settings: VaultSettings) -> Health:
    """
    Ask once.

    Raises:
        VaultUnavailable: no answer.
        VaultError: the server is not our Vault, or no Vault.
    """
    what = "ask for Vault's health"
    # Every state has a status of its own; these make of all of them an answer with JSON.
    same = {f"{state}code": 200 for state in ("standby", "sealed", "uninit", "performancestandby", "drsecondary")}
    with Wire(settings.address, settings.ca) as wire:
        try:
            answer = client(settings.address, wire, "", None).adapter.get("/v1/sys/health", params=same)
        except requests.RequestException as error:
            raise unreachable(error, settings.address, what) from None
    if not isinstance(answer, Mapping) or "sealed" not in answer:
        raise VaultError(f"{what}: the answer is not one of Vault", cause="another server listens there")
    return Health(
        bool(answer["initialized"]),
        bool(answer["sealed"]),
        bool(answer.get("standby")),
        str(answer.get("version", "?")),
    )
