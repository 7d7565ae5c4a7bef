"""How each secret of a fleet is."""

from __future__ import annotations

from datetime import UTC, datetime

from koprogo_fleet.secrets.state import State, look
from koprogo_fleet.workflows.secrets.ages import write_ages
from koprogo_fleet.workflows.secrets.opening import Place, looking_at_secrets


def secrets_status(place: Place) -> tuple[State, ...]:
    """
    Look at Vault, the files in git and the cluster; only the metrics of the secrets' ages are written, where they are wanted.

    Raises:
        KoprogoError: one of them cannot be read.
    """
    with looking_at_secrets(place, "secrets status") as run:
        folder, now = place.fleet.vault.folder, datetime.now(tz=UTC)
        found = look(run.specs, run.vault, run.cluster, folder, now, run.files)
    write_ages(place.fleet.name, (state.kept for state in found))
    return found
