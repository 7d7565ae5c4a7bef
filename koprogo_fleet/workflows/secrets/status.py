"""How each secret of a fleet is."""

from __future__ import annotations

from datetime import UTC, datetime

from koprogo_fleet.secrets.state import State, look
from koprogo_fleet.workflows.secrets.opening import Place, looking_at_secrets


def secrets_status(place: Place) -> tuple[State, ...]:
    """
    Look at Vault and the cluster; nothing is changed.

    Raises:
        KoprogoError: one of them cannot be read.
    """
    with looking_at_secrets(place, "secrets status") as run:
        return look(run.specs, run.vault, run.cluster, place.fleet.vault.folder, datetime.now(tz=UTC))
