"""Commits by the real git, in real repositories."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest
from git_repository import Repository

from koprogo_fleet.core.errors import (
    CommitRefused,
    GitError,
    GitUnfinished,
    MissingRequirement,
    NotAWorkTree,
    WaitTimeout,
)
from koprogo_fleet.git import WorkTree


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with one commit."""
    return Repository.made(tmp_path / "repository")


def test_exactly_the_named_files_are_committed(repository: Repository) -> None:
    """What a person has staged or changed beside stays staged or changed; a second commit of the same is none."""
    staged = repository.put("staged", "a person's\n")
    repository.git("add", "staged")
    repository.put("README", "changed by a person\n")
    repository.put("new", "a person's\n")
    ours = repository.put("a name/with ünïcode.yaml", "ours\n")
    tree = WorkTree.of(ours.parent)

    assert (ours, staged) == tree.uncommitted([ours, staged])
    assert tree.commit([ours], "seal one")
    assert not tree.commit([ours], "seal one")

    assert ["seal one", "first"] == repository.commits
    assert {"A  staged", " M README", "?? new", ""} == set(repository.git("status", "--porcelain", "-z").split("\0"))
    assert "a name/with ünïcode.yaml\0" == repository.git("show", "--format=", "--name-only", "-z")
    assert () == tree.uncommitted([ours])


def test_a_directory_that_is_not_there_yet(repository: Repository) -> None:
    """The work tree of a directory to be is found, through a link too."""
    link = repository.top.parent / "link"
    link.symlink_to(repository.top)

    for directory in (repository.top / "not" / "yet", link / "not" / "yet"):
        assert repository.top == WorkTree.of(directory).top


def test_another_work_tree_of_a_repository(repository: Repository) -> None:
    """A commit in a second work tree writes there, and to the repository's own directory."""
    second = repository.top.parent / "second"
    repository.git("worktree", "add", "--quiet", str(second))
    tree = WorkTree.of(second)
    ours = Repository(second).put("ours", "ours\n")

    assert tree.commit([ours], "seal one")

    assert (second, repository.top / ".git" / "worktrees" / "second", repository.top / ".git") == tree.written
    assert (repository.top,) == WorkTree.of(repository.top).written


def test_no_work_tree(tmp_path: Path) -> None:
    """A directory without a repository is refused, with what to look at."""
    with pytest.raises(NotAWorkTree, match="is not in a git work tree") as caught:
        WorkTree.of(tmp_path)

    assert "sealed.directory" in (caught.value.next_step or "")


def test_no_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git is told what lacks."""
    monkeypatch.setenv("PATH", str(repository.top))

    with pytest.raises(MissingRequirement, match="git cannot be started"):
        WorkTree.of(repository.top)


def test_a_hook_that_refuses(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hook says is shown, it has seen none of our credentials, and when it is content the commit is made once."""
    repository.hook("env; echo we take no such files >&2; exit 1")
    ours, tree = repository.put("ours", "ours\n"), WorkTree.of(repository.top)

    monkeypatch.setenv("VAULT_TOKEN", "not for hooks")

    with pytest.raises(CommitRefused, match="we take no such files") as caught:
        tree.commit([ours], "seal one")

    assert "not for hooks" not in str(caught.value)
    repository.hook("exit 0")
    assert tree.commit([ours], "seal one")
    assert ["seal one", "first"] == repository.commits


def test_a_hook_that_hangs(repository: Repository) -> None:
    """A hook that does not end is killed at the deadline."""
    repository.hook("exec sleep 300")
    tree = replace(WorkTree.of(repository.top), seconds=0.5)

    with pytest.raises(GitError, match="had not ended after"):
        tree.commit([repository.put("ours", "ours\n")], "seal one")


def test_an_ignored_file(repository: Repository) -> None:
    """A file that .gitignore leaves out is not taken for committed."""
    repository.put(".gitignore", "*.yaml\n")
    ours, tree = repository.put("ours.yaml", "ours\n"), WorkTree.of(repository.top)

    assert (ours,) == tree.uncommitted([ours])
    with pytest.raises(CommitRefused, match="ignored"):
        tree.commit([ours], "seal one")


@pytest.mark.parametrize("what", ["merge", "cherry-pick", "revert", "rebase"])
def test_something_in_progress(repository: Repository, what: str) -> None:
    """While a merge or the like waits for a person, nothing is committed."""
    tree = WorkTree.of(repository.top)
    tree.ready()
    repository.git("switch", "--quiet", "--create", "other")
    for branch, text in (("other", "theirs\n"), ("main", "ours\n"), ("main", "ours again\n")):
        repository.git("switch", "--quiet", branch)
        repository.put("README", text)
        repository.git("commit", "--quiet", "--all", "--message", text)
    with pytest.raises(Exception, match="returned non-zero"):
        repository.git(what, *([] if what != "revert" else ["--no-edit"]), "main~1" if what == "revert" else "other")

    with pytest.raises(GitUnfinished, match=f"a {what} is in progress"):
        tree.ready()


def test_another_git_is_at_it(repository: Repository) -> None:
    """An index that another git has locked is waited for, and not for ever."""
    lock = repository.put(".git/index.lock", "")
    tree = replace(WorkTree.of(repository.top), busy_seconds=0.2)
    with pytest.raises(WaitTimeout, match=r"index\.lock exists"):
        tree.ready()

    Timer(0.2, lock.unlink).start()
    replace(tree, busy_seconds=30.0).ready()


def test_an_account_without_a_name(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git knows nobody, koprogo-fleet commits; where it knows somebody, that one does."""
    tree = WorkTree.of(repository.top)
    tree.commit([repository.put("one", "1\n")], "one")
    repository.git("config", "--unset", "user.name")
    repository.git("config", "--unset", "user.email")
    repository.git("config", "user.useConfigOnly", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    tree.commit([repository.put("two", "2\n")], "two")

    assert ["koprogo-fleet", "A Person", "A Person"] == repository.git("log", "--format=%an").splitlines()
