"""SealedSecrets as files in git: the store between Vault and the cluster, where secrets.yaml has a section ``sealed``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import MissingRequirement, UncommittedChanges
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.git import WorkTree
from koprogo_fleet.secrets.bundle import VERSION_ANNOTATION, annotation
from koprogo_fleet.secrets.model import SecretsFile
from koprogo_fleet.secrets.sealed_file import as_written, in_file, is_ours, text_of
from koprogo_fleet.secrets.spec import SealedSection

SecretName = tuple[str, str]
"""Namespace and name."""


class FileState(StrEnum):
    """How a file is, beside what is live."""

    SAME = "as live"
    MISSING = "missing"
    DIFFERS = "differs from live"
    UNCOMMITTED = "not committed"


@dataclass(frozen=True)
class SealedFiles:
    """
    The files of a fleet's SealedSecrets, ``<namespace>/<name>.yaml`` in one directory.

    Attributes:
        directory: where they are, without links.
        tree: the work tree that it is in.
        commits: each change is committed; otherwise a person does that.
        listener: told of what is written and committed.
    """

    directory: Path
    tree: WorkTree
    commits: bool = True
    listener: Listener = ignore

    @classmethod
    def of(cls, beside: Path, section: SealedSection, listener: Listener = ignore) -> SealedFiles:
        """
        Return the files that a secrets.yaml in the directory *beside* wants.

        Raises:
            NotAWorkTree: its directory is in no git work tree.
            MissingRequirement: there is no git.
        """
        directory = (beside / section.directory).resolve()
        return cls(directory, WorkTree.of(directory), section.commit, listener)

    def path(self, secret: SecretName) -> Path:
        """Return the file of a Secret."""
        namespace, name = secret
        return self.directory / namespace / f"{name}.yaml"

    def shown(self, secret: SecretName) -> str:
        """Return the file's path in the repository."""
        return str(self.path(secret).relative_to(self.tree.top))

    def read(self, secret: SecretName) -> Mapping[str, Any] | None:
        """
        Return the SealedSecret in a Secret's file: None where there is no file, nothing where it holds something else.

        Raises:
            MissingRequirement: the file cannot be read.
        """
        text = _text(self.path(secret))
        return None if text is None else in_file(text)

    def state(self, secret: SecretName, live: Mapping[str, Any] | None) -> FileState:
        """
        Say how a Secret's file is; whether it is committed counts only where that is our work.

        Args:
            secret: whose.
            live: the SealedSecret in the cluster, if there is one.
        """
        found = self.read(secret)
        if found is None:
            return FileState.MISSING
        if live is None or found != as_written(live):
            return FileState.DIFFERS
        open_end = self.commits and self.tree.uncommitted([self.path(secret)])
        return FileState.UNCOMMITTED if open_end else FileState.SAME

    def check(self, secrets: Iterable[SecretName]) -> None:
        """
        Check that the files can be written and committed, before anything is changed.

        Raises:
            GitUnfinished: a merge or the like is in progress.
            UncommittedChanges: a person has changed one of them.
            WaitTimeout: another git is at it, and does not end.
        """
        self.tree.ready(self.listener)
        for path in self.tree.uncommitted([self.path(secret) for secret in secrets]):
            text = _text(path)
            if text is not None and not is_ours(text):
                raise UncommittedChanges(
                    f"{path} has changes that are not committed, and not ours",
                    cause="a person has edited or made it: it would be overwritten",
                    next_step=f"commit it, or put it back: git -C {self.tree.top} diff HEAD -- {path}",
                )

    def put(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        """
        Write those of *manifests* that differ from their files, and commit exactly these.

        What a killed run has written is committed; what is committed already is left alone.

        Raises:
            CommitRefused: a hook refused.
            GitError: as :meth:`check`.
            MissingRequirement: a file cannot be written.
        """
        wanted = {self.path(_name(manifest)): manifest for manifest in manifests}
        self.check(map(_name, manifests))
        for path, manifest in wanted.items():
            if in_file(_text(path) or "") != manifest:
                write_atomically(path, text_of(manifest))
                self.listener(Note(f"wrote {path}"))
        if self.commits and (changed := self.tree.uncommitted(list(wanted))):
            message = _message([wanted[path] for path in changed])
            self.tree.commit(changed, message)
            self.listener(Note(f"committed in {self.tree.top}: {message.splitlines()[0]}"))


def sealed_files(written: SecretsFile, beside: Path, listener: Listener = ignore) -> SealedFiles | None:
    """
    Return the files that a secrets.yaml in the directory *beside* wants; None where it wants none.

    Raises:
        NotAWorkTree: their directory is in no git work tree.
        MissingRequirement: there is no git.
    """
    return SealedFiles.of(beside, written.sealed, listener) if written.sealed else None


def _name(manifest: Mapping[str, Any]) -> SecretName:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def _message(manifests: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"Seal {'/'.join(_name(one))} from vault {annotation(one, VERSION_ANNOTATION)}" for one in manifests]
    return lines[0] if len(lines) == 1 else "\n".join([f"Seal {len(lines)} Secrets", "", *lines])


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MissingRequirement(
            f"cannot read {path}: {error.strerror}", next_step=f"look at its permissions: ls -l {path}"
        ) from error
