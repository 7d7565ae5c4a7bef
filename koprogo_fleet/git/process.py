"""Running git: with a deadline, without a terminal, and without our credentials, which are none of its hooks' business."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import GitError, MissingRequirement

SECONDS = 120.0
"""A hook may take its time."""
INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "GNUPGHOME",
    "SSH_AUTH_SOCK",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
)
"""What git gets of our environment; not GIT_DIR or GIT_INDEX_FILE, which a hook that called us may have set."""
ALONE = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C"}
"""Nobody is there to answer, and what git says is read."""
_TAIL_LINES = 15


@dataclass(frozen=True)
class Completed:
    """How git ended, and what it and its hooks said."""

    exit_status: int
    stdout: str
    stderr: str

    @property
    def tail(self) -> str:
        """The last lines of what it said, the complaints last."""
        said = [*self.stdout.strip().splitlines(), *self.stderr.strip().splitlines()]
        return "\n".join(f"  {line}" for line in said[-_TAIL_LINES:])


def run(directory: Path, *arguments: str, seconds: float = SECONDS) -> Completed:
    """
    Run git in *directory* to its end, whatever that is.

    Args:
        directory: exists.
        arguments: visible to every user of this machine: no secrets.
        seconds: after which it is killed, with all that it started.

    Raises:
        MissingRequirement: there is no git.
        GitError: it did not end in time.
    """
    try:
        process = subprocess.Popen(
            ["git", *arguments],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={name: os.environ[name] for name in INHERITED if name in os.environ} | ALONE,
            start_new_session=True,  # Ctrl-C is ours: git would stop in the middle
        )
    except OSError as error:
        raise MissingRequirement(
            f"git cannot be started in {directory}: {error.strerror}",
            cause="secrets.yaml wants sealed files in git",
            next_step="install git; or take the section sealed out of secrets.yaml",
        ) from error
    with process:
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise GitError(
                    f"git {arguments[0]} in {directory} had not ended after {seconds:.0f} s, and was killed",
                    cause="a hook waits for something, or signing a commit asks for a passphrase",
                    next_step="try it by hand: git commit --dry-run; see what .git/hooks and commit.gpgSign do",
                ) from None
            raise
    return Completed(process.returncode, stdout, stderr)
