"""One rotation over a real OpenBao, a real git repository and a real API server."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from git_repository import Repository
from pod_keeper import PodKeeper
from rotation_scene import Scene, deployment, now, start

from koprogo_fleet.core.errors import CommitRefused, ProofFailed
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube import Cluster
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.secrets import push, state
from koprogo_fleet.secrets.bundle import fields_in
from koprogo_fleet.secrets.rotation.engine import Ending
from koprogo_fleet.secrets.sealed_file import as_written
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND
from koprogo_fleet.vault import Vault

pytestmark = pytest.mark.usefixtures("controller")

RECORDS = 18
"""In the journal of a whole rotation: its start, two a step, its end."""
FILED = range(6, 10)
"""Those before, at and after the file."""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with one commit."""
    return Repository.made(tmp_path / "repository")


@pytest.fixture
def scene(vault: Vault, cluster: Cluster, namespace: str, pods: PodKeeper, repository: Repository) -> Scene:
    """Have the secret made, filed and sealed, and its consumer run."""
    scene = Scene(namespace, vault, cluster, repository.top)
    push.apply([scene.spec], vault, cluster, scene.engine().first, files=scene.files())
    cluster.apply(deployment(namespace))
    wait_for("the consumer", lambda: up(scene), seconds=30, interval=0.2)
    assert pods.started
    return scene


def up(scene: Scene) -> None:
    """Raise NotYet while the consumer is not up."""
    complete, seen = scene.cluster.rollout_complete(scene.namespace, "api")
    if not complete:
        raise NotYet(seen)


def assert_in_force(scene: Scene, repository: Repository, *versions: int) -> None:
    """Assert that Vault, file and cluster have one value, and that these versions were committed, once each."""
    assert scene.in_vault == scene.live
    path = scene.spec.vault.path
    subjects = [f"Seal {scene.namespace}/api from vault {path}={version}" for version in reversed(versions)]
    assert [*subjects, "first"] == repository.commits
    files = scene.files()
    assert files is not None
    sealed = scene.cluster.get(API_VERSION, KIND, "api", scene.namespace)
    assert sealed is not None
    assert as_written(sealed) == files.read((scene.namespace, "api"))
    assert () == push.plan([scene.spec], scene.vault, scene.cluster, files=files)
    assert not repository.git("status", "--porcelain")
    assert scene.engine().records.read(scene.spec.name).record is None


def test_there_and_back(scene: Scene, repository: Repository) -> None:
    """A rotation is one commit, and so is the way back to the former value."""
    former = scene.vault.read(scene.spec.vault.path)
    assert former is not None

    assert Ending.COMMITTED is scene.engine().rotate(scene.spec).ending
    assert_in_force(scene, repository, 1, 2)

    scene.engine().put_in_force(scene.spec, fields_in(scene.spec, former))
    assert former.values["PASSWORD"].reveal() == scene.in_vault
    assert_in_force(scene, repository, 1, 2, 3)


def test_a_consumer_that_does_not_come_up(scene: Scene, repository: Repository, pods: PodKeeper) -> None:
    """What goes back is committed, too: the file has the former value again."""
    before = scene.in_vault
    pods.accepts = lambda value: value == before
    spec = scene.spec.model_copy(update={"consumers": (scene.spec.consumers[0].model_copy(update={"seconds": 3}),)})

    with pytest.raises(ProofFailed):
        scene.engine().rotate(spec)

    assert before == scene.in_vault
    assert_in_force(scene, repository, 1, 2, 3)


def test_a_hook_stops_it_and_the_next_run_goes_on(scene: Scene, repository: Repository) -> None:
    """While a hook refuses, the cluster keeps its value and the rotation stays open; then it ends with the same new value."""
    before = scene.live
    repository.hook("echo a freeze is on; exit 1")
    with pytest.raises(CommitRefused, match="a freeze is on"):
        scene.engine().rotate(scene.spec)
    new = scene.in_vault
    assert before == scene.live
    (found,) = state.kept([scene.spec], scene.vault, f"fleet-{scene.namespace}", now())
    assert found.record is not None
    repository.hook("exit 0")

    assert Ending.COMMITTED is scene.engine().rotate(scene.spec).ending

    assert new == scene.in_vault
    assert_in_force(scene, repository, 1, 2)


@pytest.mark.parametrize(
    "record",
    [pytest.param(one, marks=[] if one in FILED else [pytest.mark.exhaustive]) for one in range(1, RECORDS + 1)],
)
def test_killed_at_a_boundary_the_next_run_ends_it(  # noqa: PLR0913, PLR0917 - fixtures, and one case
    scene: Scene, kubernetes: Path, bao: VaultEndpoint, tmp_path: Path, repository: Repository, record: int
) -> None:
    """After kill -9 at any record of the journal the next run ends with one new value and one commit of it."""
    before = scene.in_vault
    journal = tmp_path / "state"
    journal.mkdir()
    process = start(kubernetes, bao, scene.namespace, journal, signal.SIGKILL, record, repository.top)
    said, _ = process.communicate(timeout=120)
    assert -signal.SIGKILL == process.returncode, said

    if scene.engine().resume(scene.spec) is None and scene.in_vault == before:
        scene.engine().rotate(scene.spec)  # it died before it had begun

    assert before != scene.in_vault
    assert 2 == len(scene.values_ever())
    assert_in_force(scene, repository, 1, 2)
