"""A work tree of git, as far as files that are written by us are concerned: looked at, and committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import CommitRefused, GitError, GitUnfinished, NotAWorkTree
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.git.process import SECONDS, Completed, run

BUSY_SECONDS = 30.0
"""How long another git may be at it: also the one that a killed run has left behind."""
UNFINISHED = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
"""What git keeps in its directory while something is in progress."""
NOBODY = ("-c", "user.name=koprogo-fleet", "-c", "user.email=koprogo-fleet@localhost")
"""Who commits where git knows nobody: the account of scheduled runs has no name."""


@dataclass(frozen=True)
class WorkTree:
    """
    A work tree.

    Attributes:
        top: its uppermost directory.
        own: git's directory for it: its index is there, and what is in progress.
        common: git's directory for all work trees of the repository; mostly the same.
        seconds: how long a commit may take, with its hooks.
        busy_seconds: how long another git may be at it.
    """

    top: Path
    own: Path
    common: Path
    seconds: float = SECONDS
    busy_seconds: float = BUSY_SECONDS

    @classmethod
    def of(cls, directory: Path) -> WorkTree:
        """
        Return the work tree that *directory* is in; it need not exist yet.

        Raises:
            NotAWorkTree: there is none, or it is another user's, which git does not touch.
            MissingRequirement: there is no git.
        """
        there = next(one for one in (directory, *directory.parents) if one.is_dir())
        found = run(there, "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir")
        if found.exit_status:
            if "dubious ownership" in found.stderr:
                raise NotAWorkTree(
                    f"git does not work on {directory} for this user:\n{found.tail}",
                    cause="the repository is another user's",
                    next_step=f"chown it; or, if its hooks are trusted: git config --global --add safe.directory {there}",
                )
            raise NotAWorkTree(
                f"{directory} is not in a git work tree:\n{found.tail}",
                cause="the path is another one than meant, or nothing was cloned there",
                next_step="look at sealed.directory in secrets.yaml; git init makes a repository",
            )
        top, own, common = map(Path, found.stdout.splitlines())
        return cls(top, own, common)

    @property
    def written(self) -> tuple[Path, ...]:
        """The directories that a commit of ours writes to."""
        outside = (one for one in (self.own, self.common) if not one.is_relative_to(self.top))
        return (self.top, *dict.fromkeys(outside))

    def uncommitted(self, paths: Sequence[Path]) -> tuple[Path, ...]:
        """
        Return those of *paths* that differ from the last commit: changed, staged, new, ignored or deleted.

        Raises:
            GitError: git cannot tell.
        """
        if not paths:
            return ()
        look = ("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored")
        status = self._run(*look, "--", *paths)
        found = {self.top / entry[3:] for entry in status.stdout.split("\0") if entry}
        return tuple(path for path in paths if path in found)

    def ready(self, listener: Listener = ignore) -> None:
        """
        Wait until no other git is at it, and check that nothing is in progress.

        Raises:
            GitUnfinished: a merge or the like is.
            WaitTimeout: another git has the index.
        """
        lock = self.own / "index.lock"

        def look() -> None:
            if lock.exists():
                raise NotYet(f"{lock} exists")

        wait_for(
            f"no other git works on {self.top}",
            look,
            seconds=self.busy_seconds,
            interval=0.1,
            listener=listener,
            cause="a commit is being made, or one was killed",
            next_step=f"if no git runs there any more: rm {lock}",
        )
        for name, what in UNFINISHED.items():
            if (self.own / name).exists():
                raise GitUnfinished(
                    f"{what} is in progress in {self.top}",
                    cause="git commits no single files meanwhile; somebody has left it there",
                    next_step=f"git -C {self.top} status shows how to end it, or to abort it; then the same again",
                )

    def commit(self, paths: Sequence[Path], message: str) -> bool:
        """
        Commit exactly *paths*, as they are now; whatever else is staged or changed stays as it is.

        Args:
            paths: in this work tree.
            message: no secret.

        Returns:
            whether there was anything to commit.

        Raises:
            CommitRefused: a hook refused, or git; shows what it said. The files stay as they were written.
            GitError: git could not look.
        """
        changed = self.uncommitted(paths)
        if not changed:
            return False
        known = run(self.top, "var", "GIT_COMMITTER_IDENT").exit_status == 0
        for step in (("add", "--"), (*(() if known else NOBODY), "commit", "--quiet", "--message", message, "--")):
            ended = run(self.top, *step, *map(str, changed), seconds=self.seconds)
            if ended.exit_status:
                names = ", ".join(str(path.relative_to(self.top)) for path in changed)
                raise CommitRefused(
                    f"git did not commit {names} in {self.top}:\n{ended.tail}",
                    cause="a hook refused it, or the paths are ignored, or the repository cannot be written",
                    next_step="mend what it says, then the same again: the files stay as they are, and are committed then",
                )
        return True

    def _run(self, *arguments: str | Path) -> Completed:
        words = tuple(map(str, arguments))
        ended = run(self.top, *words, seconds=self.seconds)
        if ended.exit_status:
            raise GitError(
                f"git {words[0]} in {self.top}: exit status {ended.exit_status}\n{ended.tail}",
                next_step="run the same by hand",
            )
        return ended
