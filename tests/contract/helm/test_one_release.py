"""
Releases on a real Kubernetes API, by the real Helm.

Nothing runs pods here: a release of no pods becomes ready, one that wants a pod never does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from koprogo_fleet.core.errors import HelmError, WaitTimeout
from koprogo_fleet.core.events import Event, Note
from koprogo_fleet.core.paths import discovery_cache
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.helm.binary import Tools
from koprogo_fleet.helm.client import RUN_LABEL, Helm
from koprogo_fleet.helm.deploy import apply, plan
from koprogo_fleet.helm.process import run
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.watch import Watch

NO_PODS = {
    "image": {"tag": "lab"},
    "ingress": {"enabled": False},
    "autoscaling": {"enabled": False},
    "replicaCount": 0,
}


@pytest.fixture
def helm(tools: Tools, kubernetes: Path) -> Helm:
    """Return Helm on the API server."""
    return Helm(tools, kubernetes)


@pytest.fixture
def release(release: Release, helm: Helm) -> Iterator[Release]:
    """Return a release that is not installed, wants no pods, and is gone after the test."""
    release = release.model_copy(update={"values": NO_PODS, "timeout": 30})
    yield release
    helm.uninstall(release)


def with_values(release: Release, **values: Any) -> Release:
    """Return the release with some values changed."""
    return release.model_copy(update={"values": {**release.values, **values}})


def never_ready(release: Release) -> Release:
    """Return the release as it wants a pod, with 3 s to become ready."""
    return with_values(release, replicaCount=1).model_copy(update={"timeout": 3})


def revisions(helm: Helm, release: Release) -> list[tuple[int, str]]:
    """Return the release's history: numbers and states."""
    return [(revision.number, revision.status) for revision in helm.history(release)]


def kubectl(tools: Tools, kubeconfig: Path, release: Release, *arguments: str) -> str:
    """Do something by hand in the namespace of the release."""
    place = ["--kubeconfig", str(kubeconfig), "--namespace", release.namespace]
    ended = run(tools.kubectl, [*arguments, *place], timeout=60)
    assert ended.exit_status == 0, ended.stderr
    return ended.stdout


def leave_pending(tools: Tools, helm: Helm, kubeconfig: Path, release: Release, chart: Path, *labels: str) -> None:
    """Start an upgrade to something that never becomes ready, and kill Helm in the middle."""
    command = [tools.helm, "upgrade", "--install", "--create-namespace", release.name, chart, "--wait", "--values=-"]
    command += ["--namespace", release.namespace, "--kubeconfig", kubeconfig, *labels]
    values = json.dumps(never_ready(release).values).encode()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(values)
        process.stdin.close()
        wait_for("the release to be pending", lambda: _is_pending(helm, release), seconds=20, interval=0.2)
        process.kill()


def _is_pending(helm: Helm, release: Release) -> None:
    deployed = helm.deployed(release)
    if deployed is None or not deployed.is_pending:
        raise NotYet(str(deployed))


def mark_of_a_dead_process() -> str:
    """Return the run mark of a process that has ended."""
    program = "from koprogo_fleet.helm.run_mark import own_mark; print(own_mark())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_installs_once(helm: Helm, release: Release, chart: Path) -> None:
    """What is not there is installed; after that there is nothing to change, and no new revision."""
    assert [str(item) for item in plan(helm, release, chart)] == [
        "create release koprogo-api: chart koprogo-api in namespace installs-once"
    ]

    first = apply(helm, release, chart)

    assert len(first) == 1
    assert plan(helm, release, chart) == ()
    assert apply(helm, release, chart) == ()
    assert revisions(helm, release) == [(1, "deployed")]


def test_upgrades_what_changed(helm: Helm, release: Release, chart: Path) -> None:
    """A changed value is one difference that names it, and one new revision."""
    apply(helm, release, chart)
    changed = with_values(release, image={"tag": "next"})

    found = plan(helm, changed, chart)

    assert [str(item) for item in found] == [
        "change release koprogo-api: Deployment koprogo-api: image: koprogo-api:lab -> image: koprogo-api:next"
    ]
    assert apply(helm, changed, chart) == found
    assert revisions(helm, release) == [(1, "superseded"), (2, "deployed")]
    assert plan(helm, changed, chart) == ()


def test_mends_what_was_changed_by_hand(
    helm: Helm, release: Release, chart: Path, tools: Tools, kubernetes: Path
) -> None:
    """Objects that somebody edited or deleted in the cluster are each named, and mended."""
    apply(helm, release, chart)
    kubectl(tools, kubernetes, release, "set", "image", "deployment/koprogo-api", "api=somebodys:own")
    kubectl(tools, kubernetes, release, "delete", "service", "koprogo-api")

    found = plan(helm, release, chart)

    assert [str(item) for item in found] == [
        "change release koprogo-api: Deployment koprogo-api: image: somebodys:own -> image: koprogo-api:lab",
        "create release koprogo-api: Service koprogo-api: it is missing in the cluster",
    ]
    assert apply(helm, release, chart) == found
    assert plan(helm, release, chart) == ()
    assert "koprogo-api:lab" in kubectl(tools, kubernetes, release, "get", "deployment", "koprogo-api", "-o", "yaml")


def test_goes_back_after_a_failed_upgrade(helm: Helm, release: Release, chart: Path) -> None:
    """An upgrade that does not become ready tells which pod is in trouble, and the last good revision is back."""
    apply(helm, release, chart)
    bad = never_ready(release)

    with pytest.raises(HelmError) as error:
        apply(helm, bad, chart)

    assert "pod koprogo-api-" in error.value.seen
    assert "went back to revision 1" in error.value.seen
    assert "timeout" in str(error.value.cause)
    assert revisions(helm, release) == [(1, "superseded"), (2, "failed"), (3, "deployed")]
    assert plan(helm, release, chart) == ()
    assert [str(item) for item in plan(helm, bad, chart)] == [
        "change release koprogo-api: Deployment koprogo-api: replicas: 0 -> replicas: 1"
    ]


@pytest.mark.exhaustive
def test_keeps_a_failed_installation_to_look_at(helm: Helm, release: Release, chart: Path) -> None:
    """A first installation that fails stays, is told as failed, and the next run goes on from there."""
    with pytest.raises(HelmError, match="pod koprogo-api-"):
        apply(helm, never_ready(release), chart)

    assert str(plan(helm, release, chart)[0]) == "change release koprogo-api: failed (revision 1) -> deployed"
    apply(helm, release, chart)
    assert revisions(helm, release) == [(1, "superseded"), (2, "deployed")]
    assert plan(helm, release, chart) == ()


def test_repairs_an_upgrade_of_ours_that_was_killed(
    helm: Helm, release: Release, chart: Path, tools: Tools, kubernetes: Path
) -> None:
    """What a killed run of ours left pending is told by the plan, and undone at once by the next run."""
    apply(helm, release, chart)
    leave_pending(tools, helm, kubernetes, release, chart, "--labels", f"{RUN_LABEL}={mark_of_a_dead_process()}.2")
    events: list[Event] = []

    assert [str(item) for item in plan(helm, release, chart)] == [
        "change release koprogo-api: pending-upgrade (revision 2) -> deployed"
    ]
    apply(helm, release, chart, Watch(events.append))

    assert "going back to revision 1" in str(events[0])
    assert revisions(helm, release)[-1] == (3, "deployed")
    assert plan(helm, release, chart) == ()


def test_repairs_an_installation_of_ours_that_was_killed(
    helm: Helm, release: Release, chart: Path, tools: Tools, kubernetes: Path
) -> None:
    """A first installation that was killed half-way is removed and done again."""
    leave_pending(tools, helm, kubernetes, release, chart, "--labels", f"{RUN_LABEL}={mark_of_a_dead_process()}.1")
    events: list[Event] = []

    apply(helm, release, chart, Watch(events.append))

    assert [event for event in events if isinstance(event, Note) and "removing its first attempt" in event.text]
    assert revisions(helm, release) == [(1, "deployed")]


def test_leaves_the_work_of_others_alone(
    helm: Helm, release: Release, chart: Path, tools: Tools, kubernetes: Path
) -> None:
    """
    A release that another Helm left pending is waited for, then named with the command that frees it.

    That Helm's revision inherits the labels of ours: they must not make it look like ours.
    """
    apply(helm, release, chart)
    leave_pending(tools, helm, kubernetes, release, chart)

    with pytest.raises(WaitTimeout, match="pending-upgrade") as error:
        apply(helm, release.model_copy(update={"timeout": 1}), chart)

    assert "helm rollback koprogo-api 1 --namespace" in str(error.value.next_step)
    assert revisions(helm, release)[-1] == (2, "pending-upgrade")


def test_says_that_the_api_cannot_be_reached(tools: Tools, release: Release, chart: Path, tmp_path: Path) -> None:
    """Without an API the error says so, and what to look at."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )

    with pytest.raises(HelmError, match="koprogo-api") as error:
        plan(Helm(tools, kubeconfig), release, chart)

    assert "tunnel" in str(error.value.cause)


def test_asks_only_its_own_cluster(
    helm: Helm, release: Release, chart: Path, kubernetes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the user's environment says to helm and kubectl, this cluster is asked, in Helm's usual way."""
    for name in ("KUBECONFIG", "HELM_DRIVER", "HELM_NAMESPACE", "HELM_KUBECONTEXT", "KUBECTL_EXTERNAL_DIFF"):
        monkeypatch.setenv(name, "/nonexistent")

    apply(helm, release, chart)

    assert plan(helm, release, chart) == ()
    assert discovery_cache(kubernetes).is_dir(), "another cluster at this address would be taken for it"
