"""One rotation over a real OpenBao and a real API server; its consumer's pods are kept by the test."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pod_keeper import PodKeeper
from rotation_scene import Scene, deployment, now, start

from koprogo_fleet.core.errors import KoprogoError, ProofFailed, VaultConflict, VaultError
from koprogo_fleet.core.events import Event, Note
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube import Cluster
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.openbao.api import BaoApi
from koprogo_fleet.lab.openbao.keys import KeyFile
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.secrets import push, state
from koprogo_fleet.secrets.rotation.engine import Ending
from koprogo_fleet.vault import Vault

pytestmark = pytest.mark.usefixtures("controller")

BEGUN = 2
"""The record in the journal before which the rotation's own is in Vault, and nothing else has happened."""
RECORDS = 16
"""In the journal of a whole rotation: its start, two a step, its end."""


@pytest.fixture
def scene(vault: Vault, cluster: Cluster, namespace: str, pods: PodKeeper) -> Scene:
    """Have the secret made and sealed, and its consumer run."""
    scene = Scene(namespace, vault, cluster)
    push.apply([scene.spec], vault, cluster, scene.engine().first)
    cluster.apply(deployment(namespace))
    wait_for("the consumer", lambda: up(scene), seconds=30, interval=0.2)
    assert pods.started
    return scene


def up(scene: Scene, name: str = "api") -> None:
    """Raise NotYet while the consumer is not up."""
    complete, seen = scene.cluster.rollout_complete(scene.namespace, name)
    if not complete:
        raise NotYet(seen)


def assert_in_force(scene: Scene, pods: PodKeeper) -> None:
    """Assert that Vault, the Secret and every pod that there is have one value, and nothing is left to do."""
    up(scene)
    value = scene.in_vault
    assert value == scene.live
    names = [pod["metadata"]["name"] for pod in scene.cluster.all_of("v1", "Pod", scene.namespace)]
    assert {value} == {pods.started[name] for name in names}
    assert () == push.plan([scene.spec], scene.vault, scene.cluster)
    assert scene.engine().records.read(scene.spec.name).record is None


def test_a_rotation_reaches_the_consumer(scene: Scene, pods: PodKeeper) -> None:
    """The new value is in Vault, the cluster and the consumer's pods; then nothing is due, and nothing differs."""
    before, told = scene.in_vault, list[Event]()

    outcome = scene.engine(told.append).rotate(scene.spec)

    assert Ending.COMMITTED is outcome.ending
    assert before != scene.in_vault
    assert_in_force(scene, pods)
    (found,) = state.look([scene.spec], scene.vault, scene.cluster, f"fleet-{scene.namespace}", now())
    assert () == found.problems
    assert found.kept.since is not None
    assert not found.kept.due
    assert found.sealed[0].key.startswith("SHA256:")
    shown = f"{told} {outcome} {found}"
    assert before not in shown
    assert scene.in_vault not in shown


def test_slots_of_a_consumer_are_rolled_with_it(scene: Scene, pods: PodKeeper) -> None:
    """What a deployment by slots has put beside a consumer gets the new value as well, though nobody names it."""
    scene.cluster.apply(deployment(scene.namespace, "green"))
    wait_for("the slot", lambda: up(scene, "api-green"), seconds=30, interval=0.2)

    scene.engine().rotate(scene.spec)

    assert 2 == len(scene.cluster.all_of("v1", "Pod", scene.namespace))
    assert_in_force(scene, pods)


def test_a_consumer_that_does_not_come_up_brings_the_former_value_back(scene: Scene, pods: PodKeeper) -> None:
    """The error says what the consumer's pod said, its exit code is 1, and the former value is in force everywhere."""
    before = scene.in_vault
    pods.accepts = lambda value: value == before
    spec = scene.spec.model_copy(update={"consumers": (scene.spec.consumers[0].model_copy(update={"seconds": 3}),)})

    with pytest.raises(ProofFailed, match=r"did not come up with it within 3 s.*CrashLoopBackOff") as caught:
        scene.engine().rotate(spec)

    assert 1 == caught.value.exit_code
    assert before == scene.in_vault
    assert_in_force(scene, pods)
    (found,) = state.kept([spec], scene.vault, f"fleet-{scene.namespace}", now())
    assert found.closed is not None
    assert not found.closed.committed


def test_an_overlap_is_gone_on_with_when_it_is_over(scene: Scene, pods: PodKeeper) -> None:
    """The run ends while both values count; status tells it; the next run after the end commits."""
    policy = scene.spec.rotation.model_copy(update={"overlap": timedelta(hours=2)})
    spec = scene.spec.model_copy(update={"rotation": policy})
    assert Ending.OVERLAP is scene.engine().rotate(spec).ending
    (found,) = state.look([spec], scene.vault, scene.cluster, f"fleet-{scene.namespace}", now())
    assert "overlap until" in found.rotation
    assert () == found.problems
    new = scene.in_vault

    later = replace(scene.engine(), now=lambda: now() + timedelta(hours=3))

    assert Ending.COMMITTED is later.rotate(spec).ending
    assert new == scene.in_vault
    assert_in_force(scene, pods)


def test_what_somebody_writes_meanwhile_is_kept(
    scene: Scene, kubernetes: Path, bao: VaultEndpoint, tmp_path: Path
) -> None:
    """A conflict in Vault is read again, not overwritten: the other's value stays, and a push brings it to the cluster."""
    start(kubernetes, bao, scene.namespace, tmp_path, signal.SIGKILL, BEGUN).communicate(timeout=60)
    scene.vault.write(scene.spec.vault.path, {"PASSWORD": Secret("from somebody else")}, expected_version=1)

    with pytest.raises(VaultConflict, match="somebody else wrote another value"):
        scene.engine().rotate(scene.spec)

    assert "from somebody else" == scene.in_vault
    push.apply([scene.spec], scene.vault, scene.cluster, scene.engine().first)
    assert "from somebody else" == scene.live
    assert scene.engine().records.read(scene.spec.name).record is None


def test_of_two_at_once_one_is_refused(
    scene: Scene, pods: PodKeeper, kubernetes: Path, bao: VaultEndpoint, tmp_path: Path
) -> None:
    """While a run stands still in the middle, another is told whose rotation it is; once that is dead, it goes on."""
    first = start(kubernetes, bao, scene.namespace, tmp_path, signal.SIGSTOP, 6)
    os.waitid(os.P_PID, first.pid, os.WSTOPPED)

    with pytest.raises(KoprogoError, match=rf"by another run: secrets rotate \(process {first.pid} on ") as caught:
        scene.engine().rotate(scene.spec)

    assert 2 == caught.value.exit_code
    first.kill()
    first.communicate()
    assert Ending.COMMITTED is scene.engine().rotate(scene.spec).ending
    assert 2 == len(scene.values_ever())
    assert_in_force(scene, pods)


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("record", range(1, RECORDS + 1))
def test_killed_at_a_boundary_the_next_run_ends_it(  # noqa: PLR0913, PLR0917 - fixtures, and one case
    scene: Scene, pods: PodKeeper, kubernetes: Path, bao: VaultEndpoint, tmp_path: Path, record: int
) -> None:
    """After kill -9 at any record of the journal the next run ends with one new value, and never makes a third."""
    before = scene.in_vault
    process = start(kubernetes, bao, scene.namespace, tmp_path, signal.SIGKILL, record)
    said, _ = process.communicate(timeout=120)
    assert -signal.SIGKILL == process.returncode, said
    live, accepted = scene.live, scene.values_ever()
    assert live in accepted

    if scene.engine().resume(scene.spec) is None and scene.in_vault == before:
        scene.engine().rotate(scene.spec)  # it died before it had begun

    assert before != scene.in_vault
    assert 2 == len(scene.values_ever())
    assert_in_force(scene, pods)


def test_vault_sealed_in_the_middle(scene: Scene, pods: PodKeeper, bao_paths: LabPaths, bao: VaultEndpoint) -> None:
    """A Vault that is sealed stops the rotation; unsealed, the next run goes on with the same value."""
    sealed = False

    def listen(event: Event) -> None:
        nonlocal sealed
        if isinstance(event, Note) and event.text.startswith("sealed ") and not sealed:
            sealed = True
            keys = KeyFile(bao_paths.root / "openbao" / "keys.json").read()
            assert keys is not None
            BaoApi(bao.address, bao.ca)._call("PUT", "sys/seal", None, token=keys.root_token)  # noqa: SLF001

    with pytest.raises(VaultError):
        scene.engine(listen).rotate(scene.spec)
    openbao.ensure_running(bao_paths)
    new = scene.in_vault

    assert Ending.COMMITTED is scene.engine().rotate(scene.spec).ending

    assert new == scene.in_vault
    assert_in_force(scene, pods)
