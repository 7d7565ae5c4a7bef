"""One look at all releases of a cluster: enough to tell which of them are as they should be, without asking Helm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import HelmError
from koprogo_fleet.helm.agreement import agrees
from koprogo_fleet.helm.charts import content_digest
from koprogo_fleet.helm.client import INPUT_LABEL
from koprogo_fleet.helm.compare import objects
from koprogo_fleet.helm.records import DEPLOYED, NOT_KEPT, SELECTOR, Kept, Record, ReleaseKey, key_of, manifests, newest
from koprogo_fleet.helm.release import Release
from koprogo_fleet.kube.client import Cluster

_DIGITS = 32
_DONE = "deployed"
_BY_HELM = "app.kubernetes.io/managed-by=Helm"


def input_digest(release: Release, chart: Path, kubernetes: str) -> str:
    """Return a digest of all that a revision is made of: the chart, its values, and the release of Kubernetes."""
    values = json.dumps(release.values, sort_keys=True)
    made_of = "\0".join((content_digest(chart), values, ".".join(kubernetes.split(".")[:2])))
    return hashlib.sha256(made_of.encode()).hexdigest()[:_DIGITS]


@dataclass(frozen=True)
class Look:
    """
    What Helm has recorded, and the live objects of the kinds that it has deployed.

    Attributes:
        records: the newest revision of each release.
        deployed: what is deployed of it.
        live: the objects that Helm made, by API version, kind, namespace and name.
    """

    records: Mapping[ReleaseKey, Record]
    deployed: Mapping[ReleaseKey, Kept]
    live: Mapping[tuple[str, str, str, str], Mapping[str, Any]]

    def manifest(self, release: Release) -> str:
        """Return what is deployed of a release; nothing where nothing is."""
        return self.deployed.get(key_of(release), NOT_KEPT).manifest

    def is_installed(self, release: Release) -> bool:
        """Say whether Helm knows the release at all."""
        return key_of(release) in self.records

    def is_as_wanted(self, release: Release, digest: str) -> bool:
        """Say whether a release was made of the same, and every object of it still is as it was made."""
        record, deployed = self.records.get(key_of(release)), self.deployed.get(key_of(release))
        if record is None or deployed is None or record.status != _DONE:
            return False
        return (
            record.made_of == digest
            and record.revision == deployed.revision
            and self._agrees(release, deployed.manifest)
        )

    def _agrees(self, release: Release, manifest: str) -> bool:
        for key, item in objects(manifest).items():
            version = str(item["apiVersion"])
            places = (key.namespace,) if key.namespace else (release.namespace, "")
            found = [
                live
                for namespace in places
                if (live := self.live.get((version, key.kind, namespace, key.name))) is not None
            ]
            if not found or not agrees(item, found[0]):
                return False
        return True


def look(cluster: Cluster) -> Look:
    """
    Look once: Helm's records by two calls, the live objects by one for each kind.

    Raises:
        KubernetesError: the cluster cannot be asked.
        HelmError: a record of Helm's cannot be read.
    """
    records = newest(cluster.metadata("v1", "Secret", SELECTOR))
    try:
        deployed = manifests(cluster.objects("v1", "Secret", DEPLOYED))
    except (ValueError, KeyError, OSError) as error:
        raise HelmError(
            f"a record of Helm's in the cluster cannot be read: {error}",
            cause="another program wrote it, or it is cut short",
            next_step="kubectl get secrets --all-namespaces --selector owner=helm",
        ) from error
    kinds = {
        (str(item["apiVersion"]), key.kind)
        for kept in deployed.values()
        for key, item in objects(kept.manifest).items()
    }
    live = {
        (version, kind, item["metadata"].get("namespace", ""), item["metadata"]["name"]): item
        for version, kind in kinds
        for item in cluster.objects(version, kind, _BY_HELM)
    }
    return Look(records, deployed, live)


def keep_digest(cluster: Cluster, release: Release, record: Record, digest: str) -> None:
    """
    Note in Helm's record what a revision is made of, when a comparison has shown that: the next look is enough then.

    Raises:
        KubernetesError: it cannot be written.
    """
    value = f"{digest}.{record.revision}"
    cluster.put_label("v1", "Secret", record.secret, release.namespace, INPUT_LABEL, value)
