"""SealedSecrets that are live, and a controller that loses its keys."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from uuid import uuid4

from controller_process import NAMESPACE

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube import Cluster
from koprogo_fleet.kube.sealing import SealingController
from koprogo_fleet.secrets.sealing.keys import KEY_LABEL
from koprogo_fleet.secrets.sealing.manifests import named, sealed_manifest
from koprogo_fleet.secrets.sealing.words import Scope
from koprogo_fleet.workflows.sealing.place import Sealing

Name = tuple[str, str]


def put_sealed(here: Sealing, scopes: Mapping[str, Scope]) -> list[Name]:
    """Apply a SealedSecret of each name, in a namespace of its own, sealed with the newest key; wait until all are open."""
    cluster, namespace = here.controller.cluster, f"test-{uuid4().hex[:12]}"
    certificate = here.certificate()
    for name, scope in scopes.items():
        data = {"binary": base64.b64encode(bytes(range(256))).decode()}
        secret = {"metadata": {"namespace": namespace, "name": name}, "data": data, "stringData": {"text": uuid4().hex}}
        cluster.apply(sealed_manifest(named(secret, scope=scope), certificate))
    here.prove_live(here.known_keys())
    return [(namespace, name) for name in scopes]


def contents(cluster: Cluster, names: Sequence[Name]) -> list[Mapping[str, str]]:
    """Return what the Secrets hold, in base64."""
    found = [cluster.get("v1", "Secret", name, namespace) for namespace, name in names]
    return [secret["data"] for secret in found if secret]


def wipe(cluster: Cluster) -> None:
    """Delete all keys, and start the controller anew: it makes one itself."""
    controller = SealingController(cluster)
    for key in cluster.all_of("v1", "Secret", NAMESPACE, {KEY_LABEL: ["active", "compromised"]}):
        cluster.delete("v1", "Secret", key["metadata"]["name"], NAMESPACE)
    assert controller.restart()

    def once() -> None:
        keys = cluster.all_of("v1", "Secret", NAMESPACE, {KEY_LABEL: ["active"]})
        if len(keys) != 1:
            raise NotYet(f"{len(keys)} keys")
        try:
            shown = controller.certificate()
        except KubernetesError as error:  # the Service has no endpoint yet
            raise NotYet(error.seen) from error
        if shown.encode() != base64.b64decode(keys[0]["data"]["tls.crt"]):
            raise NotYet("another certificate")

    wait_for("a controller with one key", once, seconds=20, interval=0.2)
