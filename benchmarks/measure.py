"""Running a command as a user would, in a process of its own, and measuring it from outside."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tools.job import Command

DESCRIPTORS = 1024
"""What ``ulimit -n`` says on most machines, and what every tool has to get along with."""

_SAMPLE_SECONDS = 0.05
_MIB = 1024


@dataclass(frozen=True)
class Measured:
    """
    One run.

    Attributes:
        seconds: from the start of the process to its end, the interpreter's start included.
        processor_seconds: of the process and those that it waited for.
        memory_mib: the most that the first process had in memory.
        descriptors: the most that the first process had open.
        stdout: what it printed.
    """

    seconds: float
    processor_seconds: float
    memory_mib: float
    descriptors: int
    stdout: str


class ToolFailed(Exception):
    """A tool did not do its work: there is nothing to measure."""


def measure(command: Command, log: Path, *, timeout: float = 1800, expected: int = 0) -> Measured:
    """
    Run *command*, with its output in *log*.

    Raises:
        ToolFailed: its exit status is not the *expected* one; carries the end of its output.
    """
    environment = {**os.environ, **command.environment}
    with log.open("wb") as stdout, log.with_suffix(".err").open("wb") as stderr:
        used_before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        arguments = ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", *command.arguments]
        process = subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        sampler = _Sampler(process.pid)
        sampler.start()
        try:
            status = process.wait(timeout)
        finally:
            seconds = time.monotonic() - begin
            process.kill()
            sampler.stop()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = log.read_text(encoding="utf-8", errors="replace")
    if status != expected:
        end = (text + log.with_suffix(".err").read_text(encoding="utf-8", errors="replace"))[-3000:]
        raise ToolFailed(f"{' '.join(command.arguments)}: exit status {status}\n{end}")
    spent = used.ru_utime + used.ru_stime - used_before.ru_utime - used_before.ru_stime
    return Measured(seconds, spent, sampler.memory_mib, sampler.descriptors, text)


def end(command: Command) -> None:
    """End what *command* has left running: connections that serve its next run."""
    for arguments in command.after:
        subprocess.run(arguments, check=False, capture_output=True, timeout=120)


class _Sampler(threading.Thread):
    """Reads a process's peak memory (which the kernel keeps) and counts its open files."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.memory_mib = 0.0
        self.descriptors = 0
        self._process = Path(f"/proc/{pid}")
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            try:
                status = (self._process / "status").read_text(encoding="utf-8")
                count = sum(1 for _ in (self._process / "fd").iterdir())
            except OSError:
                return
            peak = next((line for line in status.splitlines() if line.startswith("VmHWM")), None)
            if peak is None:  # it has ended, and waits to be reaped
                return
            self.memory_mib = int(peak.split()[1]) / _MIB
            self.descriptors = max(self.descriptors, count)

    def stop(self) -> None:
        self._ended.set()
        self.join()
