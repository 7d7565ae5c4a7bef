"""What is remembered of the last run of each job: a small file in the fleet's state."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.files import write_atomically

DIRECTORY = "schedule"


@dataclass(frozen=True)
class LastRun:
    """
    How a job ran last.

    Attributes:
        started: in seconds since 1970, as *ended* and *succeeded*.
        exit_code: as docs/reference/exit-codes.md has it; 128 and more: ended by a signal.
        succeeded: when a run ended with 0 last; None where none did.
    """

    job: str
    started: float
    ended: float
    exit_code: int
    succeeded: float | None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.started

    @property
    def is_success(self) -> bool:
        """Whether it ended with 0."""
        return self.exit_code == 0


def after_run(job: str, started: float, ended: float, exit_code: int, before: LastRun | None) -> LastRun:
    """Return what is remembered once a run has ended; *before* is what was remembered until then."""
    succeeded = ended if exit_code == 0 else before.succeeded if before else None
    return LastRun(job, started, max(started, ended), exit_code, succeeded)


def remember(state_directory: Path, run: LastRun) -> None:
    """
    Write down how a job ran.

    Raises:
        MissingRequirement: that is not possible.
    """
    write_atomically(_path(state_directory, run.job), json.dumps(asdict(run)) + "\n", mode=0o600)


def remembered(state_directory: Path, job: str) -> LastRun | None:
    """
    Return how a job ran last; None where it never did, or the file is not ours.

    Raises:
        MissingRequirement: the file cannot be read.
    """
    path = _path(state_directory, job)
    try:
        return LastRun(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):  # a later version's, or damaged: the next run writes it anew
        return None
    except OSError as error:
        raise MissingRequirement(f"cannot read {path}: {error.strerror}", next_step="run the same as root") from error


def _path(state_directory: Path, job: str) -> Path:
    return state_directory / DIRECTORY / f"{job}.json"
