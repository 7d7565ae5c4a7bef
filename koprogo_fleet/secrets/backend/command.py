"""One command of a person's choice, with a credential: by standard input or the environment, never as an argument."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from koprogo_fleet.core.errors import BackendError, BackendUnavailable, InputError
from koprogo_fleet.core.secret import Secret

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""What a command gets of our environment: our own credentials are none of its business."""


def run(argv: Sequence[str], stdin: Secret, environment: Mapping[str, Secret], seconds: float) -> Secret:
    """
    Return what a command writes to its standard output; neither that nor its errors are shown: they may hold a credential.

    Args:
        argv: the program and its arguments.
        stdin: all of its standard input.
        environment: beside :data:`INHERITED`.
        seconds: after which it is killed, with all that it started.

    Raises:
        InputError: there is no such program, or a value cannot be in an environment.
        BackendUnavailable: it did not end in time: what it was to do may have happened.
        BackendError: it ended with an exit status other than 0.
    """
    what = f"the command {argv[0]}"
    variables = {name: os.environ[name] for name in INHERITED if name in os.environ}
    for name, value in environment.items():
        if "\0" in value.reveal():
            raise InputError(f"{what}: the value of {name} has a zero byte, which no environment can hold")
        variables[name] = value.reveal()
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=variables,
            start_new_session=True,
        )
    except OSError as error:
        raise InputError(f"{what} cannot be started: {error.strerror}", next_step="look at its path") from None
    with process:
        try:
            output, _ = process.communicate(stdin.reveal().encode(), seconds)
        except BaseException as error:  # also Ctrl-C, which it does not hear: it has a session of its own
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise BackendUnavailable(
                    f"{what} had not ended after {seconds:.0f} s, and was killed", next_step="run it by hand"
                ) from None
            raise
    if process.returncode:
        raise BackendError(
            f"{what}: exit status {process.returncode}",
            cause="what it wrote is not shown, for it may hold a credential",
            next_step="run it by hand",
        )
    return Secret(output.decode(errors="replace"))
