"""What ``koprogo-fleet secrets keys status`` shows: a table for people, one object for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from koprogo_fleet.secrets.sealing.pin import ACCEPT, FILE

if TYPE_CHECKING:
    from rich.table import Table

    from koprogo_fleet.workflows.sealing.keys import KeyStatus, SealingStatus

SHOWN = 20
"""So many SealedSecrets are named; of the others only the number is told."""


def as_object(found: SealingStatus) -> dict[str, Any]:
    """Return all of it for ``--json``."""
    return {
        "healthy": found.healthy,
        "shown": found.shown,
        "trusted": found.pinned,
        "sealed_secrets": found.sealed,
        "with_older_keys": found.older,
        "not_in_order": dict(found.wrong),
        "keys": [
            asdict(key) | {"begins": key.begins.isoformat(), "ends": key.ends.isoformat(), "age_days": key.age_days}
            for key in found.keys
        ],
    }


def table(found: SealingStatus) -> Table:
    """Return a table of all keys, the newest first."""
    from rich.table import Table

    shown = Table("Key", "Fingerprint", "State", "Since", "Age", "In Vault", "SealedSecrets", title="Sealing keys")
    for key in found.keys:
        shown.add_row(
            key.name,
            key.fingerprint,
            _state(key),
            f"{key.begins:%Y-%m-%d}",
            f"{key.age_days} days",
            "yes" if key.in_vault else "[red]no[/]",
            str(key.secrets),
        )
    return shown


def _state(key: KeyStatus) -> str:
    if not key.in_cluster:
        return "in Vault only"
    return f"{key.state}, newest" if key.is_newest else str(key.state)


def sentences(found: SealingStatus) -> Iterator[str]:
    """Yield what is to be said below the table."""
    yield f"{found.sealed} SealedSecrets, {found.older} of them need an older key than the newest"
    if found.older:
        yield "to seal them again: koprogo-fleet secrets reseal"
    if not all(key.in_vault for key in found.keys):
        yield "to put all keys into Vault: koprogo-fleet secrets keys backup"
    if not found.pinned:
        yield f"no key is trusted yet; the controller's newest is {found.shown}: {ACCEPT}"
    elif found.pinned != found.shown:
        yield f"{FILE} trusts {found.pinned}, the controller seals with {found.shown}: {ACCEPT}"
    for name, why in list(found.wrong.items())[:SHOWN]:
        yield f"{name}: {why}"
    if len(found.wrong) > SHOWN:
        yield f"and {len(found.wrong) - SHOWN} more are not in order"
