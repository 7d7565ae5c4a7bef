"""A stack of releases on a real Kubernetes API, and who says there that pods are ready: nothing runs them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.helm.binary import Tools
from koprogo_fleet.helm.blue_green import AS_IT_IS, Images
from koprogo_fleet.helm.engine import Engine
from koprogo_fleet.helm.graph import Selection
from koprogo_fleet.helm.outcome import Outcome
from koprogo_fleet.helm.process import run
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.releases import load_releases


@dataclass
class Stack:
    """
    A releases.yaml with its charts, in a namespace of its own, and the engine for it.

    Pods are ready at *pod_address*. Services send to them only if they are on a *node*.
    """

    folder: Path
    namespace: str
    engine: Engine
    tools: Tools
    kubeconfig: Path
    pod_address: str = "10.42.0.9"
    node: str = ""

    def releases(self, *written: dict[str, Any]) -> tuple[Release, ...]:
        """Write the file, and read it as a deployment does; deadlines are a test's, not a person's."""
        filled = [{"namespace": self.namespace, "chart": item["name"], **item} for item in written]
        self.engine.file.write_text(json.dumps({"releases": filled}))
        found = load_releases(self.engine.file).in_order
        return tuple(
            release.model_copy(update={"timeout": 4}) if release.timeout == 10 else release for release in found
        )

    def apply(self, releases: Sequence[Release], images: Images = AS_IT_IS, **selection: Any) -> dict[str, Outcome]:
        """Deploy, and return how each release ended."""
        return {outcome.name: outcome for outcome in self.engine.apply(releases, Selection(**selection), images)}

    def plan(self, releases: Sequence[Release], images: Images = AS_IT_IS) -> dict[str, list[str]]:
        """Return what differs, by release."""
        return {
            outcome.name: [str(difference) for difference in outcome.differences]
            for outcome in self.engine.plan(releases, images=images)
        }

    def revisions(self) -> list[str]:
        """Return the names of Helm's records in the namespace: one for each revision."""
        found = self.engine.cluster.metadata("v1", "Secret", "owner=helm")
        return sorted(item["metadata"]["name"] for item in found if item["metadata"]["namespace"] == self.namespace)

    def kubectl(self, *arguments: str) -> str:
        """Do something by hand."""
        place = ["--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace]
        ended = run(self.tools.kubectl, [*arguments, *place], timeout=60)
        assert ended.exit_status == 0, ended.stderr
        return ended.stdout

    def add_node(self) -> None:
        """Add a node with the namespace's name, on which pods are from now on."""
        self.node = self.namespace
        self.engine.cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node}})
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        self.kubectl(
            "patch", "node", self.node, "--subresource=status", "--type=merge", "-p", json.dumps({"status": ready})
        )

    def beat(self) -> None:
        """Say that the node is alive, as a kubelet does."""
        lease = {"renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()), "leaseDurationSeconds": 40}
        place = {"name": self.node, "namespace": "kube-node-lease"}
        self.engine.cluster.apply(
            {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": place, "spec": lease}
        )

    def bind(self, pod: str) -> None:
        """Put a pod on the node, as a scheduler does."""
        target = {"apiVersion": "v1", "kind": "Node", "name": self.node}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
        path = self.folder / "binding.json"
        path.write_text(json.dumps(binding))
        self.kubectl("create", "--raw", f"/api/v1/namespaces/{self.namespace}/pods/{pod}/binding", "-f", str(path))

    def report_ready(self, pod: str) -> None:
        """Say of a pod what a kubelet says of one that runs and is ready."""
        if self.node:
            self.bind(pod)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        status = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}],
            "podIP": self.pod_address,
        }
        self.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))


@contextmanager
def kubelet(stack: Stack, may: Callable[[], bool] = lambda: True) -> Iterator[list[str]]:
    """Report every pod of the namespace as ready, once it *may*; yield the ConfigMaps that were there at the first one."""
    ended = threading.Event()
    there: list[str] = []

    def work() -> None:
        while not ended.wait(0.3):
            if stack.node:
                stack.beat()
            for pod in json.loads(stack.kubectl("get", "pods", "-o", "json"))["items"]:
                if pod["status"].get("phase") == "Pending" and may():
                    there.append(stack.kubectl("get", "configmaps", "-o", "name"))
                    stack.report_ready(pod["metadata"]["name"])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield there
    finally:
        ended.set()
        thread.join()


def states(outcomes: dict[str, Outcome]) -> dict[str, str]:
    """Return how each release ended, in a word."""
    return {name: str(outcome.state) for name, outcome in outcomes.items()}
