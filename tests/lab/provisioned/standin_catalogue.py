"""The catalogue of ``inventory/production``, each chart that comes from elsewhere played by a small one of the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from chart_servers import registry, repository, serving
from standin_charts import Manifest, custom_kind, pack, webhook, write_chart

PRODUCTION = Path(__file__).parents[3] / "inventory" / "production"
OCI = "oci://"
IMAGE = "koprogo-api:lab"
CLUSTER_WIDE = {"ClusterIssuer"}
SERVER = "koprogo-cp-1"
API_PORT = 6443
SECONDS = 120


@dataclass(frozen=True)
class Catalogue:
    """The enabled releases, as ``releases.yaml`` has them, with charts that can be had here."""

    releases: list[dict[str, Any]]

    @property
    def names(self) -> list[str]:
        """The releases' names, in the file's order."""
        return [release["name"] for release in self.releases]

    @property
    def text(self) -> str:
        """The file."""
        return yaml.safe_dump({"releases": self.releases}, sort_keys=False)


@contextmanager
def catalogue(folder: Path) -> Iterator[Catalogue]:
    """
    Serve a chart for every enabled release of production, and yield the releases that name them.

    A stand-in declares the kinds that the other releases make objects of, runs a pod, and has the webhooks that
    production waits for. These lead to a pod in the network of a control plane, and there to the API server: nothing
    else here speaks HTTPS.
    """
    file = yaml.safe_load((PRODUCTION / "releases.yaml").read_text())
    enabled = [release for release in file["releases"] if release.get("enabled", True)]
    kinds = _kinds(enabled)
    paths: dict[str, bytes] = {}
    entries: dict[str, Any] = {}
    for release in enabled:
        if _is_local(release):
            continue
        name = release["chart"].rpartition("/")[2]
        chart = _chart(folder, name, release, kinds)
        archive = pack(chart, folder / f"{name}.tgz")
        if release["chart"].startswith(OCI):
            paths |= registry(f"charts/{name}", release["version"], archive)
        else:
            served = repository(name, release["version"], archive)
            entries |= yaml.safe_load(served.pop("/charts/index.yaml"))["entries"]
            paths |= served
    paths["/charts/index.yaml"] = yaml.safe_dump({"apiVersion": "v1", "entries": entries}).encode()
    with serving(paths) as address:
        yield Catalogue([_here(release, address) for release in enabled])


def _is_local(release: Mapping[str, Any]) -> bool:
    return "repository" not in release and not release["chart"].startswith(OCI)


def _here(release: dict[str, Any], address: str) -> dict[str, Any]:
    """Return a release that comes from our servers, runs the only image that the lab's nodes have, and is asked nothing from the internet."""
    soon = {**release, "timeout": SECONDS}
    if release["name"] == "koprogo-api":
        image = {"repository": "koprogo-api", "tag": "lab", "pullPolicy": "Never"}
        return {**soon, "smoke": [], "environments": {"lab": {"values": {"image": image}}}}
    if release["chart"].startswith(OCI):
        return {**soon, "chart": f"{OCI}{address}/charts/{release['chart'].rpartition('/')[2]}"}
    return soon if _is_local(release) else {**soon, "repository": f"http://{address}/charts"}


def _kinds(releases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a CustomResourceDefinition for each that a release is waited for, and for each kind that is used."""
    found = {}
    for release in releases:
        for name in release.get("crds", ()):
            plural, _, group = name.partition(".")
            found[name] = _crd(plural.removesuffix("s").capitalize(), plural, group, "v1")
    for release in releases:
        for values in release.get("values_files", ()):
            for item in yaml.safe_load((PRODUCTION / values).read_text()).get("objects", ()):
                group, _, version = item["apiVersion"].partition("/")
                plural = f"{item['kind'].lower().removesuffix('y')}{'ies' if item['kind'].endswith('y') else 's'}"
                if not group.endswith("k8s.io"):
                    found[f"{plural}.{group}"] = _crd(item["kind"], plural, group, version)
    return list(found.values())


def _crd(kind: str, plural: str, group: str, version: str) -> dict[str, Any]:
    like = custom_kind(kind)
    spec = like["spec"] | {"group": group, "names": {"kind": kind, "plural": plural}}
    spec["scope"] = "Cluster" if kind in CLUSTER_WIDE else "Namespaced"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec["versions"] = [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]
    return {**like, "metadata": {"name": f"{plural}.{group}"}, "spec": spec}


def _chart(folder: Path, name: str, release: Mapping[str, Any], kinds: list[dict[str, Any]]) -> Path:
    groups = {crd.partition(".")[2] for crd in release.get("crds", ())}
    mine = tuple(kind for kind in kinds if kind["spec"]["group"] in groups)
    hooks = release.get("ready", {}).get("webhooks", ())
    behind = [manifest for hook in hooks for manifest in (webhook(hook, release["namespace"]), _service(hook))]
    values = {"standin": IMAGE, **release.get("values", {})}
    for file in release.get("values_files", ()):
        values |= yaml.safe_load((PRODUCTION / file).read_text())
    return write_chart(
        folder, name, _pod(on_server=bool(hooks)), *behind, crds=mine, values=values, version=release["version"]
    )


def _pod(*, on_server: bool) -> Manifest:
    app = {"app": "{{ .Release.Name }}"}
    container = {
        "name": "main",
        "image": "{{ .Values.standin }}",
        "imagePullPolicy": "Never",
        "command": ["/bin/busybox", "sleep", "infinity"],
    }
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0}
    if on_server:
        pod |= {
            "hostNetwork": True,
            "nodeSelector": {"kubernetes.io/hostname": SERVER},
            "tolerations": [{"operator": "Exists"}],
        }
    labels = {**app, "app.kubernetes.io/instance": "{{ .Release.Name }}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "{{ .Release.Name }}"},
        "spec": {"selector": {"matchLabels": app}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def _service(name: str) -> Manifest:
    port = {"port": 443, "targetPort": API_PORT, "protocol": "TCP"}
    spec = {"selector": {"app": "{{ .Release.Name }}"}, "ports": [port]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
