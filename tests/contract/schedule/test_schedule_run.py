"""Scheduled runs: real programs, their ends, and what is written down of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from koprogo_fleet.workflows.schedule.jobs import job_named
from koprogo_fleet.workflows.schedule.run import run_job

CHECKOUT = Path(__file__).parents[3]
COMMAND = Path(sys.executable).with_name("koprogo-fleet")
PATIENCE = 90
"""Seconds. A signal that comes just before Python begins to read is seen when the read ends: 60 s, TIMEOUT of ovh."""


@pytest.mark.parametrize(("end", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137)])
def test_how_a_run_ended_is_written_down(end: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the end: the command got its words and the metrics' folder, and its code is in the state and the metrics."""
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(tmp_path / "state"))
    metrics, program, said = tmp_path / "metrics", tmp_path / "program", tmp_path / "said"
    metrics.mkdir()
    program.write_text(f'#!/bin/sh\necho "$KOPROGO_TEXTFILE_DIR" "$@" > {said}\n{end}\n')
    program.chmod(0o755)

    run = run_job(job_named("drift"), "dev", program, ("--env", "x"), metrics)

    assert f"{metrics} drift --json --env x\n" == said.read_text()
    assert code == run.exit_code == json.loads((tmp_path / "state/dev/schedule/drift.json").read_text())["exit_code"]
    families = text_string_to_metric_families((metrics / "koprogo-fleet-dev-drift.prom").read_text())
    found = {sample.name: sample.value for family in families for sample in family.samples}
    assert (code, code == 0) == (
        found["koprogo_fleet_job_last_run_exit_code"],
        "koprogo_fleet_job_last_success_timestamp_seconds" in found,
    )


def test_a_signal_is_handed_on_and_the_end_awaited(tmp_path: Path) -> None:
    """A run that systemd stops: its command ends as by Ctrl-C, and the run that was stopped is written down with its code."""
    inventory = tmp_path / "inventory/production"
    inventory.mkdir(parents=True)
    shutil.copy(CHECKOUT / "inventory/lab/fleet.yaml", inventory)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        for name, text in {
            "OVH_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}/1.0",
            "OVH_APPLICATION_KEY": "key",
            "OVH_APPLICATION_SECRET": "secret",
            "OVH_CONSUMER_KEY": "consumer",
            "VAULT_ADDR": "https://127.0.0.1:1",
            "VAULT_TOKEN": "token",
        }.items():
            (credentials / name).write_text(f"{text}\n")
        environment = {
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
            "KOPROGO_STATE_DIR": str(tmp_path / "state"),
            "CREDENTIALS_DIRECTORY": str(credentials),
        }
        command = [COMMAND, "schedule", "run", "drift", "--inventory", tmp_path / "inventory"]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                with silent.accept()[0]:  # with the credentials of the directory alone
                    process.send_signal(signal.SIGTERM)
                    said, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()

    assert (130, False) == (process.returncode, "Traceback" in said), said
    assert 130 == json.loads((tmp_path / "state/koprogo/schedule/drift.json").read_text())["exit_code"]
