"""One scheduled run: the job's command, then what became of it, for people, alerts and metrics."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.workflows.schedule.jobs import Job
from koprogo_fleet.workflows.schedule.last_run import LastRun, after_run, remember, remembered
from koprogo_fleet.workflows.schedule.textfile import TEXTFILE_VARIABLE, run_text, write_metrics

SIGNALLED = 128
"""Added to the number of the signal that ended a command: a shell's custom."""


def run_job(job: Job, fleet: str, program: Path, options: Sequence[str], textfile: Path | None = None) -> LastRun:
    """
    Run a job's command to its end; its output is ours. A signal that we get is handed on, and its end awaited.

    Args:
        job: what is run.
        fleet: its name.
        program: ``koprogo-fleet``.
        options: those that name the fleet.
        textfile: the directory of node_exporter's textfile collector, to which the result is written.

    Returns:
        how it ended, as it is remembered.

    Raises:
        KoprogoError: the result could not be written down.
    """
    state = state_dir(fleet)
    handed_down = {TEXTFILE_VARIABLE: str(textfile)} if textfile else {}
    began, started = time.monotonic(), time.time()
    process = subprocess.Popen(
        [str(program), *job.command, *options],
        env={**os.environ, **handed_down},
        start_new_session=True,  # Ctrl-C on a terminal reaches it once, from us
    )
    code = _end_of(process)
    ended = started + time.monotonic() - began
    run = after_run(job.name, started, ended, code, remembered(state, job.name))
    remember(state, run)
    if textfile:
        write_metrics(textfile, fleet, job.name, run_text(fleet, run))
    return run


def _end_of(process: subprocess.Popen[bytes]) -> int:
    while True:
        with suppress(KeyboardInterrupt):
            code = process.wait()
            return code if code >= 0 else SIGNALLED - code
        process.send_signal(signal.SIGTERM)
