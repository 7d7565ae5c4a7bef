"""What the phases of a run share, with the emulator as OVH and a Vault that nobody asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emulated_cloud import Cloud
from emulated_fleet import FLEET

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault import Vault
from koprogo_fleet.vault.settings import VaultSettings
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.target import Target


def context(cloud: Cloud, directory: Path, fleet: Fleet = FLEET, *, dry_run: bool = False) -> Context:
    """Return a run over the emulator."""
    settings = VaultSettings.with_token("https://127.0.0.1:9", Secret("token"))
    nothing: Any = None
    target = Target("lab", "it was asked for", "lab", cloud.credentials(), settings, k3s=nothing, images=tuple)
    vault = Vault(settings.session())
    return Context(fleet, directory, target, cloud.api(), vault, cloud.events.append, dry_run=dry_run, report=Report())
