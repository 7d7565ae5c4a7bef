"""The real parts as child processes: started, watched, started again, and never left behind."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.lab.standin.node.log import log

STOP_SECONDS = 10
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
STABLE_SECONDS = 60
"""How long a child has to run for its next failure to count as the first one again."""
LARGEST_LOG = 16 * 1024 * 1024

FATAL_LINE = re.compile(r'F\d{4} |panic:|fatal error:|[Ee]rror:|\{"level":"(fatal|panic)"|containerd: ')
KLOG_PREFIX = re.compile(r"F\d{4} [\d:.]+\s+\d+ ")


class Child:
    """
    One component, kept running until :meth:`stop`.

    The kernel kills it when we die (``setpriv --pdeathsig``), since systemd does not with ``KillMode=process``. That
    signal comes when the *thread* that started it ends, so the one that starts it also waits for it.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str | Path]],
        log_file: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.failures = 0
        self._command = command
        self._environment = {**os.environ, **(environment or {})}
        self._environment.pop("NOTIFY_SOCKET", None)
        self._log_file = log_file
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_running, name=name, daemon=True)

    def start(self) -> Child:
        """Start it, and return at once."""
        self._log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL after ten seconds."""
        self._stopping.set()
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        self._thread.join(STOP_SECONDS)
        if process.poll() is None:
            log.warning("%s did not stop within %d s: killed", self.name, STOP_SECONDS)
            process.kill()
            self._thread.join(STOP_SECONDS)

    def restart(self) -> None:
        """End the running process; the watch starts it again with today's command."""
        if self._process is not None:
            self._process.terminate()

    def require_running(self) -> None:
        """Raise :class:`KubernetesError` if it has ended by itself: for whoever waits for it to become ready."""
        if self.failures:
            raise KubernetesError(f"{self.name} exited: {self._last_words()}")

    def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            status = self._run_once()
            if self._stopping.is_set():
                return
            self.failures += 1
            if time.monotonic() - started > STABLE_SECONDS:
                pause = FIRST_PAUSE
            log.error("%s exited with status %d; restart in %.0f s: %s", self.name, status, pause, self._last_words())
            self._stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _run_once(self) -> int:
        if self._log_file.exists() and self._log_file.stat().st_size > LARGEST_LOG:
            self._log_file.replace(self._log_file.with_suffix(".log.1"))
        with self._log_file.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )
        return self._process.wait()

    def _last_words(self) -> str:
        """Return why the last run ended, as far as its log says: the first fatal line, else the last line."""
        last = "no output"
        with self._log_file.open(errors="replace") as lines:
            lines.seek(self._log_start)
            for line in lines:
                if FATAL_LINE.match(line):
                    return KLOG_PREFIX.sub("", line).strip()
                last = line.strip() or last
        return last
