"""
The real helm and kubectl, as calls that answer with values.

Helm 4 applies on the server: there it is told to take back the fields that somebody else changed, which Helm 3 does by
itself. Values go through stdin. The kubeconfig is a path; what it holds is never read here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import HelmError, Interrupted
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.helm.binary import Tools
from koprogo_fleet.helm.explain import likely_cause
from koprogo_fleet.helm.model import Deployed, Hook, Rendered, Revision
from koprogo_fleet.helm.process import Completed, run, running
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.run_mark import own_mark
from koprogo_fleet.helm.watch import ALONE, Watch

RUN_LABEL = "koprogo-fleet.io/run"
"""On Helm's record of a revision: which of our processes wrote it, and the revision, since later ones inherit labels."""

INPUT_LABEL = "koprogo-fleet.io/input"
"""Beside it: a digest of what the revision was made of, and the revision, for the same reason."""

FIELD_MANAGER = "koprogo-fleet-diff"
"""In whose name kubectl compares: it writes nothing, so that nobody ever meets this name in the cluster."""

_ASK_SECONDS = 60.0
_GRACE_SECONDS = 60.0
_LOOK_SECONDS = 2.0
_HISTORY_MAX = 10
_HELM_4 = 4


class Helm:
    """
    Helm (and kubectl where Helm has no answer) on one cluster.

    Args:
        tools: the programs.
        kubeconfig: path of a kubeconfig (0600) whose current context is the cluster.
    """

    def __init__(self, tools: Tools, kubeconfig: Path) -> None:
        self._tools = tools
        self._kubeconfig = kubeconfig

    def deployed(self, release: Release) -> Deployed | None:
        """Return the newest revision, or None if the release is not installed."""
        answer = self._ask_about(release, "status")
        if answer is None or answer["info"]["status"] == "uninstalled":
            return None
        return Deployed(int(answer["version"]), answer["info"]["status"], _rendered(answer))

    def history(self, release: Release) -> tuple[Revision, ...]:
        """Return the recorded revisions, oldest first."""
        revisions = self._ask_about(release, "history") or []
        return tuple(Revision(int(item["revision"]), item["status"], item.get("description", "")) for item in revisions)

    def writer(self, release: Release, revision: int) -> str | None:
        """Return the run mark on a revision, or None where somebody else wrote it."""
        selector = f"owner=helm,name={release.name},version={revision},{RUN_LABEL}"
        for item in self._kubectl_json(release, "get", "secrets", "--selector", selector)["items"]:
            mark, _, marked_revision = item["metadata"]["labels"][RUN_LABEL].rpartition(".")
            if marked_revision == str(revision):
                return str(mark)
        return None

    def render(self, release: Release, chart: Path) -> Rendered:
        """
        Return what an upgrade would send, with the cluster's own capabilities and lookups; nothing is changed.

        Raises:
            HelmError: the chart refuses the values, or the cluster cannot be asked.
        """
        arguments = ["--dry-run=server", "--output", "json"]
        return _rendered(json.loads(self._upgrade(release, chart, arguments, _ASK_SECONDS).stdout))

    def template(self, release: Release, chart: Path, kubernetes: str) -> Rendered:
        """
        Return what an installation would send to a cluster of the release *kubernetes*, which is not asked.

        Raises:
            HelmError: the chart refuses the values, or has a mistake.
        """
        return Rendered(rendered_offline(self._tools, release, chart, kubernetes))

    def custom_kinds(self, release: Release, chart: Path) -> None:
        """
        Bring the CustomResourceDefinitions in the chart's own folder for them: Helm itself does so once, and never again.

        Raises:
            HelmError: the chart, or the cluster, cannot be asked, or refuses.
        """
        found = self._run_helm(release, ["show", "crds", str(chart)], timeout=_ASK_SECONDS)
        if found.exit_status:
            raise self._failed(release, "helm show crds", found)
        if not found.stdout.strip():
            return
        arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=helm", "--filename=-"]
        ended = self._kubectl(release, arguments, stdin=found.stdout)
        if ended.exit_status:
            raise self._failed(release, "kubectl apply of its CustomResourceDefinitions", ended)

    def upgrade(self, release: Release, chart: Path, digest: str = "", watch: Watch = ALONE) -> None:
        """
        Install or upgrade, and wait until everything is ready: always a new revision.

        Args:
            release: what is wanted.
            chart: its chart.
            digest: of what the revision is made of, kept in Helm's record of it.
            watch: is told what is not ready, and says whether to stop.

        Raises:
            HelmError: it was refused, or not ready after the release's timeout; it stays as it is, marked failed.
            WaitTimeout: Helm itself did not end.
            Interrupted: a person stopped it; the next run mends what it has left.
        """
        revision = max((revision.number for revision in self.history(release)), default=0) + 1
        labels = f"{RUN_LABEL}={own_mark()}.{revision}" + (f",{INPUT_LABEL}={digest}.{revision}" if digest else "")
        command = self._upgrade_command(release, chart)
        command += ["--wait", *self._timeout(release), *self._take_back()]
        command += ["--history-max", str(_HISTORY_MAX), "--labels", labels, "--namespace", release.namespace]
        ended = self._watched(release, command, json.dumps(release.values), watch)
        if ended.exit_status:
            raise self._failed(release, "helm upgrade", ended)

    def rollback(self, release: Release, revision: int) -> None:
        """Return to *revision*, and wait until everything is ready."""
        arguments = ["rollback", release.name, str(revision), "--wait", *self._timeout(release), *self._take_back()]
        self._helm(release, arguments, timeout=release.timeout + _GRACE_SECONDS)

    def uninstall(self, release: Release) -> None:
        """Remove the release and its history; absent is fine."""
        arguments = ["uninstall", release.name, "--ignore-not-found", "--wait", *self._timeout(release)]
        self._helm(release, arguments, timeout=release.timeout + _GRACE_SECONDS)

    def drift(self, release: Release, manifest: str) -> str:
        """
        Return the unified diffs from the live objects to *manifest*, as kubectl writes them; secrets are masked.

        Fields that the manifest does not name (a controller's, or added by hand) are not differences.
        """
        arguments = ["diff", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "--filename=-"]
        ended = self._kubectl(release, arguments, stdin=manifest)
        if ended.exit_status not in {0, 1}:
            raise self._failed(release, "kubectl diff", ended)
        return ended.stdout

    def pods(self, release: Release) -> Mapping[str, Any]:
        """Return the release's pods (a Kubernetes PodList), by the label that charts agree on."""
        return self._kubectl_json(release, "get", "pods", "--selector", f"app.kubernetes.io/instance={release.name}")

    def _upgrade(self, release: Release, chart: Path, arguments: Sequence[str], timeout: float) -> Completed:
        command = [*self._upgrade_command(release, chart), *arguments]
        return self._helm(release, command, stdin=json.dumps(release.values), timeout=timeout)

    def _upgrade_command(self, release: Release, chart: Path) -> list[str]:
        return ["upgrade", release.name, str(chart), "--install", "--create-namespace", "--values=-"]

    def _watched(self, release: Release, command: Sequence[str], stdin: str, watch: Watch) -> Completed:
        with running(self._tools.helm, command, stdin=stdin, kubeconfig=self._kubeconfig) as helm:

            def look() -> Completed:
                if watch.stopping():
                    helm.stop()
                    raise Interrupted(
                        f"release {release.name}: stopped in the middle",
                        next_step="run the same again: it is brought to rest, and goes on from there",
                    )
                if ended := helm.ended(_LOOK_SECONDS):
                    return ended
                raise NotYet(watch.missing(release) or "helm is at work")

            return wait_for(
                f"release {release.name} to be ready",
                look,
                seconds=release.timeout + _GRACE_SECONDS,
                interval=0.1,
                listener=watch.listener,
                cause="the Kubernetes API does not answer, or the tunnel to it is lost",
                next_step="run the same again; if it stays, look at the control planes",
            )

    def _ask_about(self, release: Release, command: str) -> Any:
        ended = self._run_helm(release, [command, release.name, "--output", "json"], timeout=_ASK_SECONDS)
        if ended.exit_status == 0:
            return json.loads(ended.stdout)
        if "release: not found" in ended.stderr:
            return None
        raise self._failed(release, f"helm {command}", ended)

    def _helm(self, release: Release, arguments: Sequence[str], *, timeout: float, stdin: str = "") -> Completed:
        ended = self._run_helm(release, arguments, timeout=timeout, stdin=stdin)
        if ended.exit_status:
            raise self._failed(release, f"helm {arguments[0]}", ended)
        return ended

    def _run_helm(self, release: Release, arguments: Sequence[str], *, timeout: float, stdin: str = "") -> Completed:
        ours = [*arguments, "--namespace", release.namespace]
        return run(self._tools.helm, ours, stdin=stdin, timeout=timeout, kubeconfig=self._kubeconfig)

    def _kubectl(self, release: Release, arguments: Sequence[str], *, stdin: str = "") -> Completed:
        ours = [*arguments, "--namespace", release.namespace]
        return run(self._tools.kubectl, ours, stdin=stdin, timeout=_ASK_SECONDS, kubeconfig=self._kubeconfig)

    def _kubectl_json(self, release: Release, *arguments: str) -> Mapping[str, Any]:
        ended = self._kubectl(release, [*arguments, "--output", "json"])
        if ended.exit_status:
            raise self._failed(release, f"kubectl {arguments[0]}", ended)
        answer: Mapping[str, Any] = json.loads(ended.stdout)
        return answer

    def _timeout(self, release: Release) -> list[str]:
        return ["--timeout", f"{release.timeout}s"]

    def _take_back(self) -> list[str]:
        return ["--server-side=true", "--force-conflicts"] if self._tools.helm_version[0] >= _HELM_4 else []

    def _failed(self, release: Release, what: str, ended: Completed) -> HelmError:
        cause, next_step = likely_cause(ended.stderr)
        return HelmError(f"release {release.name}: {what} failed:\n{ended.tail}", cause=cause, next_step=next_step)


def rendered_offline(tools: Tools, release: Release, chart: Path, kubernetes: str = "") -> str:
    """
    Return the manifest of a release as Helm makes it without any cluster.

    Raises:
        HelmError: the chart refuses the values, or has a mistake.
    """
    arguments = ["template", release.name, str(chart), "--namespace", release.namespace, "--values=-"]
    arguments += ["--kube-version", kubernetes] if kubernetes else []
    ended = run(tools.helm, arguments, stdin=json.dumps(release.values), timeout=_ASK_SECONDS)
    if ended.exit_status:
        cause, next_step = likely_cause(ended.stderr)
        raise HelmError(
            f"release {release.name}: helm template failed:\n{ended.tail}", cause=cause, next_step=next_step
        )
    return ended.stdout


def _rendered(answer: Mapping[str, Any]) -> Rendered:
    hooks = tuple(Hook(hook["path"], hook["manifest"]) for hook in answer.get("hooks") or ())
    return Rendered(answer.get("manifest") or "", hooks)
