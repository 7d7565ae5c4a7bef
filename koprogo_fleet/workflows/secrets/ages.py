"""The ages of a fleet's secrets, for node_exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from koprogo_fleet.secrets.state import Kept
from koprogo_fleet.workflows.schedule.textfile import SECRETS, SecretAge, metrics_directory, secrets_text, write_metrics


def write_ages(fleet: str, found: Iterable[Kept]) -> None:
    """
    Write the metrics of all secrets of a fleet, where the environment names the collector's directory.

    Raises:
        InputError: there is no such directory.
        MissingRequirement: it cannot be written to.
    """
    directory = metrics_directory()
    if directory is not None:
        write_metrics(directory, fleet, SECRETS, secrets_text(fleet, map(_age, found)))


def _age(one: Kept) -> SecretAge:
    return SecretAge(one.spec.name, _seconds(one.age), _seconds(one.spec.rotation.max_age), due=one.due)


def _seconds(duration: timedelta | None) -> float | None:
    return duration.total_seconds() if duration is not None else None
