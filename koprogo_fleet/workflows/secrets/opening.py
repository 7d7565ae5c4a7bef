"""What the workflows about secrets share: secrets.yaml, a run over it, and which secrets are meant."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_model
from koprogo_fleet.core.wording import did_you_mean
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.secrets.bundle import bundles
from koprogo_fleet.secrets.files import SealedFiles, sealed_files
from koprogo_fleet.secrets.model import SecretsFile
from koprogo_fleet.secrets.rotation.engine import Engine
from koprogo_fleet.secrets.spec import SecretSpec
from koprogo_fleet.secrets.state import Kept, kept
from koprogo_fleet.vault.client import Vault
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.etcd.runs import changing, looking
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.secrets.engine import engine_of
from koprogo_fleet.workflows.target import Target


@dataclass(frozen=True)
class Place:
    """
    What a workflow about secrets works on, and who hears of it.

    Attributes:
        fleet: the desired state, for names and the folder in Vault.
        directory: ``inventory/<env>``.
        target: where its Vault is.
        listener: told of everything.
        report: filled as the run goes.
        arguments: kept in the journal.
    """

    fleet: Fleet
    directory: Path
    target: Target
    listener: Listener
    report: Report
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SecretsRun:
    """One run over the secrets of a fleet, with everything opened."""

    place: Place
    specs: tuple[SecretSpec, ...]
    vault: Vault
    cluster: Cluster
    engine: Engine
    files: SealedFiles | None = None

    def kept(self, specs: Sequence[SecretSpec]) -> tuple[Kept, ...]:
        """Return what Vault shows of *specs* now."""
        return kept(specs, self.vault, self.place.fleet.vault.folder, datetime.now(tz=UTC))

    def check_files(self) -> None:
        """
        Check that the files in git can be written and committed, where there are any.

        Raises:
            GitError: a person has changed one of them, or a merge or the like is in progress.
        """
        if self.files is not None:
            self.files.check(bundle.secret for bundle in bundles(self.specs))


def read_secrets(directory: Path) -> SecretsFile:
    """
    Return what ``secrets.yaml`` in *directory* says.

    Raises:
        InputError: there is none, or it has mistakes.
    """
    next_step = "look at the path; inventory/lab/secrets.yaml is an example"
    return load_model(directory / "secrets.yaml", SecretsFile, next_step=next_step)


def chosen(specs: Sequence[SecretSpec], names: Iterable[str]) -> tuple[SecretSpec, ...]:
    """
    Return those of *specs* that are named, in the file's order; all where none is.

    Raises:
        InputError: there is no secret of a name.
    """
    wanted = tuple(names)
    known = [spec.name for spec in specs]
    if unknown := [name for name in wanted if name not in known]:
        hint = did_you_mean(unknown[0], known) or f"; known are {', '.join(known) or 'none'}"
        raise InputError(f'secrets.yaml has no secret "{unknown[0]}"{hint}', next_step="koprogo-fleet secrets status")
    return tuple(spec for spec in specs if not wanted or spec.name in wanted)


@contextmanager
def looking_at_secrets(place: Place, command: str) -> Generator[SecretsRun]:
    """
    Yield a run that only looks.

    Raises:
        KoprogoError: secrets.yaml has mistakes; Vault or the cluster cannot be reached.
    """
    written = read_secrets(place.directory)
    with (
        looking(place.fleet, place.directory, place.target, place.listener, place.report) as run,
        _opened(place, written, run, command) as opened,
    ):
        yield opened


@contextmanager
def changing_secrets(place: Place, command: str) -> Generator[SecretsRun]:
    """
    Yield a run that may change secrets: the fleet's only one, and journalled.

    Raises:
        KoprogoError: as :func:`looking_at_secrets`, or another run changes the fleet.
    """
    written = read_secrets(place.directory)
    with (
        changing(
            command, place.fleet, place.directory, place.target, place.listener, place.report, place.arguments
        ) as run,
        _opened(place, written, run, command) as opened,
    ):
        opened.check_files()
        yield opened


@contextmanager
def _opened(place: Place, written: SecretsFile, run: Context, command: str) -> Generator[SecretsRun]:
    specs, files = written.secrets, sealed_files(written, place.directory, place.listener)
    with run.cluster() as (cluster, _):
        yield SecretsRun(place, specs, run.vault, cluster, engine_of(run, cluster, specs, command, files), files)
