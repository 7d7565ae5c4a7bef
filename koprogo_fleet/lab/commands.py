"""Running the host's own programs (ip, nft, mount…): one way, with a timeout and an error that explains."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from koprogo_fleet.core.errors import KoprogoError, MissingRequirement

TAIL_LINES = 15


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float = 30,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
    next_step: str | None = None,
) -> str:
    """
    Run a program of this machine and return its standard output.

    Args:
        argv: the program and its arguments.
        timeout: seconds; the program is killed then.
        stdin: what it reads.
        environment: replaces ours where given.
        next_step: what to do when it fails, for the error.

    Raises:
        MissingRequirement: the program is not installed.
        KoprogoError: it failed or did not end; carries the last lines of both its outputs.
    """
    command = " ".join(str(argument) for argument in argv)
    try:
        completed = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False, env=environment
        )
    except FileNotFoundError as error:
        raise MissingRequirement(f"the program {argv[0]} is not installed", next_step="koprogo-fleet lab up") from error
    except subprocess.TimeoutExpired as error:
        raise KoprogoError(f"no end after {timeout:.0f} s: {command}", next_step=next_step) from error
    if completed.returncode != 0:
        tail = "\n".join(f"  {line}" for line in (completed.stdout + completed.stderr).splitlines()[-TAIL_LINES:])
        raise KoprogoError(f"exit status {completed.returncode}: {command}\n{tail}", next_step=next_step)
    return completed.stdout


def succeeds(argv: Sequence[str | Path], *, timeout: float = 30) -> bool:
    """Say whether a program ends with exit status 0: for questions whose answer is the exit status."""
    return subprocess.run(argv, capture_output=True, timeout=timeout, check=False).returncode == 0
