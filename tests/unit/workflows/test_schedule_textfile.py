"""Metrics as Prometheus reads them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.model import read_secret
from koprogo_fleet.secrets.state import Kept
from koprogo_fleet.workflows.schedule.last_run import LastRun, after_run, remember, remembered
from koprogo_fleet.workflows.schedule.textfile import (
    SECRETS,
    TEXTFILE_VARIABLE,
    SecretAge,
    run_text,
    secrets_text,
    write_metrics,
)
from koprogo_fleet.workflows.secrets.ages import write_ages

NASTY = 'a "quoted" \\ name\nof two lines'


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Read a text as Prometheus does."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_ages_of_secrets() -> None:
    """Age, maximum and due of each secret are read back under its exact name; what is not known has no sample."""
    found = samples(
        secrets_text("dev", [SecretAge(NASTY, 90.5, 60.0, due=True), SecretAge("static", None, None, due=False)])
    )

    nasty, static = (("fleet", "dev"), ("secret", NASTY)), (("fleet", "dev"), ("secret", "static"))
    assert {
        ("koprogo_fleet_secret_age_seconds", nasty): 90.5,
        ("koprogo_fleet_secret_max_age_seconds", nasty): 60.0,
        ("koprogo_fleet_secret_due", nasty): 1.0,
        ("koprogo_fleet_secret_due", static): 0.0,
    } == found


def test_the_last_run() -> None:
    """A failed run has its time, duration and exit code, and when one succeeded before."""
    run = LastRun("drift", 1000.0, 1012.5, 3, 400.0)
    labels = (("fleet", "dev"), ("job", "drift"))

    assert {
        "koprogo_fleet_job_last_run_timestamp_seconds": 1012.5,
        "koprogo_fleet_job_last_run_duration_seconds": 12.5,
        "koprogo_fleet_job_last_run_exit_code": 3.0,
        "koprogo_fleet_job_last_run_success": 0.0,
        "koprogo_fleet_job_last_success_timestamp_seconds": 400.0,
    } == {name: value for (name, found), value in samples(run_text("dev", run)).items() if found == labels}


def test_no_success_yet() -> None:
    """A job that never succeeded has no time of success, rather than 1970."""
    assert "last_success" not in run_text("dev", LastRun("drift", 1.0, 2.0, 1, None))


def test_no_secrets_is_an_empty_file() -> None:
    """A fleet without secrets has no metrics of them, and a file that Prometheus can read."""
    assert {} == samples(secrets_text("dev", []))


def test_the_file(tmp_path: Path) -> None:
    """It is one that the collector reads (0644, *.prom), alone in its folder; a folder is never made for it."""
    path = write_metrics(tmp_path, "dev", SECRETS, secrets_text("dev", []))

    assert [path] == list(tmp_path.iterdir())
    assert ("koprogo-fleet-dev-secrets.prom", 0o100644) == (path.name, path.stat().st_mode)
    with pytest.raises(InputError, match="no directory"):
        write_metrics(tmp_path / "typo", "dev", SECRETS, "")


def test_what_is_remembered(tmp_path: Path) -> None:
    """A failure keeps the time of the last success; the file is private, and a damaged one is none."""
    assert remembered(tmp_path, "drift") is None
    remember(tmp_path, after_run("drift", 1.0, 2.0, 0, None))
    remember(tmp_path, failed := after_run("drift", 3.0, 2.5, 1, remembered(tmp_path, "drift")))
    (file,) = (tmp_path / "schedule").iterdir()

    assert LastRun("drift", 3.0, 3.0, 1, 2.0) == failed == remembered(tmp_path, "drift")
    assert 0o100600 == file.stat().st_mode
    file.write_text('{"job": "drift"')
    assert remembered(tmp_path, "drift") is None


def test_ages_go_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a look at Vault found is in the secrets' own file, in seconds; without the variable nothing is written."""
    spec = read_secret(
        {
            "name": "api",
            "kind": "random-password",
            "vault": {"path": "koprogo/api", "key": "PASSWORD"},
            "targets": [{"namespace": "koprogo", "name": "api", "key": "PASSWORD"}],
            "rotation": {"max_age": "1h"},
        }
    )
    kept = Kept(spec, None, None, timedelta(hours=2), due=True, open=True, record=None, closed=None)

    monkeypatch.delenv(TEXTFILE_VARIABLE, raising=False)
    write_ages("dev", [kept])
    assert [] == list(tmp_path.iterdir())

    monkeypatch.setenv(TEXTFILE_VARIABLE, str(tmp_path))
    write_ages("dev", [kept])

    (path,) = tmp_path.iterdir()
    assert f"koprogo-fleet-dev-{SECRETS}.prom" == path.name
    assert [7200.0, 3600.0, 1.0] == list(samples(path.read_text()).values())
