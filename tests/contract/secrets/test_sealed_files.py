"""SealedSecrets as files in a real git repository, beside a real OpenBao and a real API server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from git_repository import Repository
from sealing_controller import MERGE, Api

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import CommitRefused, GitUnfinished, UncommittedChanges
from koprogo_fleet.core.events import Event, Listener, Note, ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.kube import Cluster
from koprogo_fleet.secrets import push, state
from koprogo_fleet.secrets.bundle import VERSION_ANNOTATION, annotation
from koprogo_fleet.secrets.files import SealedFiles
from koprogo_fleet.secrets.model import SecretSpec, read_secret
from koprogo_fleet.secrets.sealed_file import as_written, is_ours
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND
from koprogo_fleet.secrets.spec import SealedSection
from koprogo_fleet.vault import Vault

VALUE = "correct horse battery staple"


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with one commit."""
    return Repository.made(tmp_path / "repository")


class Pushing:
    """One secret of a namespace, with its file in a repository."""

    def __init__(self, vault: Vault, cluster: Cluster, namespace: str, repository: Repository) -> None:
        self.vault, self.cluster, self.namespace, self.repository = vault, cluster, namespace, repository
        self.path = repository.top / "inventory" / "sealed" / namespace / "api.yaml"
        self.keep(VALUE)

    @property
    def specs(self) -> list[SecretSpec]:
        """All of secrets.yaml."""
        written = {
            "name": "api",
            "kind": "random-password",
            "vault": {"path": f"koprogo/{self.namespace}", "key": "PASSWORD"},
            "targets": [{"namespace": self.namespace, "name": "api", "key": "PASSWORD"}],
        }
        return [read_secret(written)]

    def keep(self, value: str) -> None:
        """Write a value to Vault, as a person does."""
        before = self.vault.read(f"koprogo/{self.namespace}")
        self.vault.write(f"koprogo/{self.namespace}", {"PASSWORD": Secret(value)}, before.version if before else 0)

    def files(self, listener: Listener = ignore, *, commit: bool = True) -> SealedFiles:
        """Return the files, as a new process opens them."""
        section = SealedSection(directory="sealed", commit=commit)
        return SealedFiles.of(self.repository.top / "inventory", section, listener)

    def push(self, listener: Listener = ignore, *, commit: bool = True) -> list[str]:
        """Push, and return what differed; the plan before says the same."""
        planned = push.plan(self.specs, self.vault, self.cluster, files=self.files(commit=commit))
        done = self.apply(listener, commit=commit)
        assert _texts(planned) == done
        return done

    def apply(self, listener: Listener = ignore, *, commit: bool = True) -> list[str]:
        """Push, and return what differed."""
        files = self.files(listener, commit=commit)
        return _texts(push.apply(self.specs, self.vault, self.cluster, _never, files=files, listener=listener))

    @property
    def commits(self) -> list[str]:
        """What was committed since the first."""
        return self.repository.commits[:-1]

    def problems(self, *, commit: bool = True) -> tuple[str, ...]:
        """Return what the status tells of the secret."""
        folder, now = f"fleet-{self.namespace}", datetime.now(tz=UTC)
        (found,) = state.look(self.specs, self.vault, self.cluster, folder, now, self.files(commit=commit))
        return found.problems

    def assert_same(self, version: int, value: str) -> None:
        """Assert that the cluster has the value of that version, and the same ciphertext as the committed file."""
        assert {"PASSWORD": Secret(value)} == self.cluster.secret(self.namespace, "api")
        sealed = self.cluster.get(API_VERSION, KIND, "api", self.namespace)
        assert sealed is not None
        assert f"koprogo/{self.namespace}={version}" == annotation(sealed, VERSION_ANNOTATION)
        assert as_written(sealed) == self.files().read((self.namespace, "api"))
        assert is_ours(self.path.read_text())
        assert 0o644 == self.path.stat().st_mode & 0o777
        assert not self.repository.git("status", "--porcelain", str(self.path))
        assert [] == self.push()


def _never(spec: SecretSpec) -> None:
    raise AssertionError(f"{spec.name} is in Vault")


def _texts(differences: tuple[Difference, ...]) -> list[str]:
    return [str(difference) for difference in differences]


@pytest.fixture
def pushing(vault: Vault, cluster: Cluster, controller: None, namespace: str, repository: Repository) -> Pushing:
    """Return a secret that is in Vault alone."""
    assert controller is None
    return Pushing(vault, cluster, namespace, repository)


def test_a_push_commits_what_the_cluster_gets(pushing: Pushing) -> None:
    """File and cluster have one ciphertext, one commit names secret and version; a person's other changes stay; no value shows."""
    told = list[Event]()
    pushing.repository.put("staged", "a person's\n")
    pushing.repository.git("add", "staged")

    assert 2 == len(pushing.push(told.append))

    assert [f"Seal {pushing.namespace}/api from vault koprogo/{pushing.namespace}=1"] == pushing.commits
    assert "A  staged\n" == pushing.repository.git("status", "--porcelain")
    pushing.assert_same(1, VALUE)
    assert VALUE not in f"{told} {pushing.repository.git('log', '-p')}"

    pushing.keep("another value")
    pushing.push()

    assert 2 == len(pushing.commits)
    pushing.assert_same(2, "another value")


def test_the_status_tells_how_a_file_is(pushing: Pushing) -> None:
    """Missing, as live, not committed (where that is our work), other than live: each is told, and mended by a push."""
    file = f"file inventory/sealed/{pushing.namespace}/api.yaml"
    assert f"{file}: missing" in pushing.problems()
    pushing.push(commit=False)
    assert () == pushing.problems(commit=False)
    assert (f"{file}: not committed",) == pushing.problems()
    pushing.push()
    assert () == pushing.problems()

    pushing.path.unlink()
    pushing.repository.git("commit", "--all", "--message", "a person's")
    assert (f"{file}: missing",) == pushing.problems()
    pushing.push()
    pushing.path.write_text("kind: Secret\n")
    pushing.repository.git("commit", "--all", "--message", "a person's")
    assert (f"{file}: differs from live",) == pushing.problems()
    pushing.push()
    assert () == pushing.problems()


@pytest.mark.parametrize("boundary", ["wrote ", "committed ", "sealed "])
def test_killed_between_file_and_cluster(pushing: Pushing, boundary: str) -> None:
    """After a death before the commit, before the cluster or before the proof, the next push ends it with the same ciphertext."""

    def die(event: Event) -> None:
        if isinstance(event, Note) and event.text.startswith(boundary):
            raise Killed

    with pytest.raises(Killed):
        pushing.push(die)
    before = pushing.path.read_text()

    pushing.apply()

    assert before == pushing.path.read_text()
    assert 1 == len(pushing.commits)
    pushing.assert_same(1, VALUE)


@pytest.mark.parametrize("change", ["removed", "other content", "no YAML"])
def test_a_file_that_drifted(pushing: Pushing, change: str) -> None:
    """A file that somebody removed or changed, and committed, is written again as the cluster has it: nothing is sealed anew."""
    pushing.push()
    before, sealed = pushing.path.read_text(), pushing.cluster.get(API_VERSION, KIND, "api", pushing.namespace)
    if change == "removed":
        pushing.path.unlink()
    else:
        pushing.path.write_text("kind: Other\n" if change == "other content" else "{")
    pushing.repository.git("commit", "--quiet", "--all", "--message", "a person's")

    assert 1 == len(pushing.push())

    assert before == pushing.path.read_text()
    assert sealed == pushing.cluster.get(API_VERSION, KIND, "api", pushing.namespace)
    pushing.assert_same(1, VALUE)


def test_a_cluster_that_drifted(pushing: Pushing, kubernetes: Path) -> None:
    """A Secret changed by hand is sealed anew; one that was deleted with its SealedSecret is had from the file."""
    pushing.push()
    body = {"data": {"PASSWORD": "Ynk="}}
    Api(kubernetes).patch(f"/api/v1/namespaces/{pushing.namespace}/secrets/api", body, MERGE)
    pushing.push()
    pushing.assert_same(1, VALUE)
    assert 2 == len(pushing.commits)

    pushing.cluster.delete(API_VERSION, KIND, "api", pushing.namespace)
    pushing.cluster.delete("v1", "Secret", "api", pushing.namespace)
    pushing.push()

    pushing.assert_same(1, VALUE)
    assert 2 == len(pushing.commits)


def test_a_persons_changes_are_not_overwritten(pushing: Pushing) -> None:
    """A file with uncommitted changes of a person stops everything before anything is changed; committed, they are replaced."""
    pushing.push()
    edited = pushing.path.read_text().replace("api", "apis")
    pushing.path.write_text(edited)
    pushing.keep("another value")

    with pytest.raises(UncommittedChanges, match="has changes that are not committed") as caught:
        pushing.apply()

    assert "git -C" in (caught.value.next_step or "")
    assert edited == pushing.path.read_text()
    assert {"PASSWORD": Secret(VALUE)} == pushing.cluster.secret(pushing.namespace, "api")
    pushing.repository.git("commit", "--quiet", "--all", "--message", "a person's")
    pushing.push()
    pushing.assert_same(2, "another value")


def test_a_hook_keeps_it_from_the_cluster(pushing: Pushing) -> None:
    """What a hook does not take does not reach the cluster; once it does, the same is committed and applied."""
    pushing.repository.hook("echo not on a Friday; exit 1")

    with pytest.raises(CommitRefused, match="not on a Friday"):
        pushing.push()

    assert pushing.cluster.secret(pushing.namespace, "api") is None
    before = pushing.path.read_text()
    pushing.repository.hook("exit 0")
    pushing.push()
    assert before == pushing.path.read_text()
    pushing.assert_same(1, VALUE)


def test_a_merge_in_progress(pushing: Pushing) -> None:
    """In the middle of a merge nothing is made, neither in Vault nor in a file."""
    pushing.repository.put(".git/MERGE_HEAD", pushing.repository.git("rev-parse", "HEAD"))

    with pytest.raises(GitUnfinished):
        pushing.apply()

    assert not pushing.path.exists()
    assert pushing.cluster.secret(pushing.namespace, "api") is None


def test_without_commits(pushing: Pushing) -> None:
    """Where a person commits, the file is written, and the next change written over it."""
    pushing.push(commit=False)
    pushing.keep("another value")
    pushing.push(commit=False)

    assert [] == pushing.commits
    assert [] == pushing.push(commit=False)
    pushing.repository.git("add", ".")
    pushing.repository.git("commit", "--quiet", "--message", "a person's")
    pushing.assert_same(2, "another value")
