"""Metrics for node_exporter's textfile collector, in Prometheus' exposition format: ages and results, never values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.workflows.schedule.last_run import LastRun

TEXTFILE_VARIABLE = "KOPROGO_TEXTFILE_DIR"
SECRETS = "secrets"
"""The part of a fleet's metrics that tells of its secrets; the others are named as the jobs."""


@dataclass(frozen=True)
class SecretAge:
    """
    How old a secret is.

    Attributes:
        name: as in secrets.yaml.
        age_seconds: None where it was never made.
        max_age_seconds: None where it may be of any age.
        due: it has to be rotated now.
    """

    name: str
    age_seconds: float | None
    max_age_seconds: float | None
    due: bool


@dataclass(frozen=True)
class _Metric:
    name: str
    meaning: str
    samples: Sequence[tuple[Mapping[str, str], float]]


def secrets_text(fleet: str, secrets: Iterable[SecretAge]) -> str:
    """Return the metrics of a fleet's secrets, as of now: the file's own time tells when that was."""
    ages = [({"fleet": fleet, "secret": one.name}, one) for one in secrets]
    return _text(
        _Metric(
            "koprogo_fleet_secret_age_seconds",
            "Seconds since the secret was made.",
            [(labels, one.age_seconds) for labels, one in ages if one.age_seconds is not None],
        ),
        _Metric(
            "koprogo_fleet_secret_max_age_seconds",
            "Seconds after which the secret has to be rotated.",
            [(labels, one.max_age_seconds) for labels, one in ages if one.max_age_seconds is not None],
        ),
        _Metric(
            "koprogo_fleet_secret_due",
            "1 if the secret has to be rotated now, 0 otherwise.",
            [(labels, float(one.due)) for labels, one in ages],
        ),
    )


def run_text(fleet: str, run: LastRun) -> str:
    """Return the metrics of the last run of one job."""
    labels = {"fleet": fleet, "job": run.job}
    succeeded = [(labels, run.succeeded)] if run.succeeded is not None else []
    return _text(
        _Metric("koprogo_fleet_job_last_run_timestamp_seconds", "When the last run ended.", [(labels, run.ended)]),
        _Metric("koprogo_fleet_job_last_run_duration_seconds", "How long it took.", [(labels, run.seconds)]),
        _Metric("koprogo_fleet_job_last_run_exit_code", "Its exit code.", [(labels, run.exit_code)]),
        _Metric(
            "koprogo_fleet_job_last_run_success", "1 if that was 0, 0 otherwise.", [(labels, float(run.is_success))]
        ),
        _Metric("koprogo_fleet_job_last_success_timestamp_seconds", "When a run succeeded last.", succeeded),
    )


def write_metrics(directory: Path, fleet: str, part: str, text: str) -> Path:
    """
    Write one part of a fleet's metrics (0644) for the collector; each part has its own file, so that runs do not meet.

    Args:
        directory: the collector's; it exists.
        fleet: whose.
        part: a job's name, or :data:`SECRETS`.
        text: see :func:`secrets_text` and :func:`run_text`.

    Returns:
        the file's path.

    Raises:
        InputError: there is no such directory.
        MissingRequirement: it cannot be written to.
    """
    if not directory.is_dir():
        raise InputError(
            f"there is no directory {directory} for metrics",
            next_step="give the one that node_exporter's --collector.textfile.directory names",
        )
    path = directory / f"koprogo-fleet-{fleet}-{part}.prom"
    write_atomically(path, text, mode=0o644)
    return path


def metrics_directory() -> Path | None:
    """Return the collector's directory that the environment names: a scheduled run hands it down to its command."""
    named = os.environ.get(TEXTFILE_VARIABLE)
    return Path(named) if named else None


def _text(*metrics: _Metric) -> str:
    return "".join(
        f"# HELP {metric.name} {metric.meaning}\n# TYPE {metric.name} gauge\n"
        + "".join(f"{metric.name}{{{_labels(labels)}}} {value!r}\n" for labels, value in metric.samples)
        for metric in metrics
        if metric.samples
    )


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
