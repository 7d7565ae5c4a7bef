"""From Secret manifests to SealedSecrets, as kubeseal does it, and refused where kubeseal refuses."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.sealing.block import label_of, open_block
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.documents import read_documents, write_documents
from koprogo_fleet.secrets.sealing.manifests import contents_of, named, scope_of, sealed_manifest
from koprogo_fleet.secrets.sealing.words import Format, Scope

if TYPE_CHECKING:
    from conftest import KeyPair

CANARY = "canary-7f3a"
LIVE = f"""
apiVersion: v1
kind: Secret
metadata:
  name: api
  namespace: koprogo
  uid: 0c7c9a
  resourceVersion: "12"
  creationTimestamp: 2026-01-02T03:04:05Z
  ownerReferences: [{{kind: Thing, name: x}}]
  labels: {{app: api}}
  annotations:
    note: kept
    kubectl.kubernetes.io/last-applied-configuration: '{{"data": "{CANARY}"}}'
type: kubernetes.io/tls
immutable: true
data:
  binary: {base64.b64encode(bytes(range(256))).decode()}
  both: {base64.b64encode(b"old").decode()}
stringData:
  both: new
  text: "é"
"""


def one(text: str) -> dict[str, Any]:
    """Return the only Secret of *text*."""
    (found,) = read_documents(text, "Secret")
    return found


def opened(manifest: dict[str, Any], pair: KeyPair) -> dict[str, bytes | None]:
    """Open every value under the label that the controller would use."""
    key = serialization.load_pem_private_key(pair.private_key, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    metadata = manifest["metadata"]
    label = label_of(metadata.get("namespace", ""), metadata["name"], scope_of(metadata))
    return {name: open_block(block, key, label) for name, block in manifest["spec"]["encryptedData"].items()}


def test_a_live_secret(pair: KeyPair) -> None:
    """Binary data survives, stringData wins, and nothing of the server, no owner and no copy in clear is taken along."""
    sealed = sealed_manifest(named(one(LIVE)), SealingCertificate.parse(pair.certificate))

    assert {"binary": bytes(range(256)), "both": b"new", "text": "é".encode()} == opened(sealed, pair)
    assert {"name": "api", "namespace": "koprogo"} == sealed["metadata"]
    assert {
        "metadata": {
            "name": "api",
            "namespace": "koprogo",
            "labels": {"app": "api"},
            "annotations": {"note": "kept"},
        },
        "type": "kubernetes.io/tls",
        "immutable": True,
    } == sealed["spec"]["template"]
    assert CANARY not in json.dumps(sealed)


@pytest.mark.parametrize(
    ("annotations", "asked", "scope"),
    [
        ({}, None, Scope.STRICT),
        ({"sealedsecrets.bitnami.com/namespace-wide": "true"}, None, Scope.NAMESPACE_WIDE),
        ({"sealedsecrets.bitnami.com/cluster-wide": "true"}, None, Scope.CLUSTER_WIDE),
        ({"sealedsecrets.bitnami.com/cluster-wide": "true"}, Scope.STRICT, Scope.STRICT),
        ({}, Scope.NAMESPACE_WIDE, Scope.NAMESPACE_WIDE),
        ({"sealedsecrets.bitnami.com/cluster-wide": "false"}, None, Scope.STRICT),
    ],
)
def test_scopes(pair: KeyPair, annotations: dict[str, str], asked: Scope | None, scope: Scope) -> None:
    """The scope of the command line wins over the input's, and the result says it where the controller looks."""
    secret = {"metadata": {"name": "api", "namespace": "n", "annotations": annotations}, "stringData": {"a": "b"}}

    sealed = sealed_manifest(named(secret, scope=asked), SealingCertificate.parse(pair.certificate))

    assert scope is scope_of(sealed["metadata"])
    assert {"a": b"b"} == opened(sealed, pair)


def test_several_documents(pair: KeyPair) -> None:
    """Documents and lists, YAML and JSON, come out one by one in the form that was asked for."""
    text = f"{LIVE}---\n" + json.dumps({"kind": "List", "items": [one(LIVE), one(LIVE)]})
    certificate = SealingCertificate.parse(pair.certificate)
    sealed = [sealed_manifest(named(secret), certificate) for secret in read_documents(text, "Secret")]

    assert sealed == list(yaml.safe_load_all(write_documents(sealed, Format.YAML)))
    assert 3 == len(sealed)
    assert sealed[0] == json.loads(write_documents(sealed[:1], Format.JSON))


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{kind: Secret, metadata: {namespace: n}, stringData: {a: b}}", "no metadata.name"),
        ("{kind: Secret, metadata: {name: s}, stringData: {a: b}}", "no metadata.namespace"),
        ("{kind: Secret, metadata: {name: s, namespace: n}}", "has no data"),
        (f"{{kind: Secret, metadata: {{name: s, namespace: n}}, data: {{a: '{CANARY}'}}}}", "data.a is not base64"),
        ("{kind: Secret, metadata: {name: s, namespace: n}, stringData: {a: 5}}", "stringData.a is not text"),
        (f"{{kind: Secret, metadata: {{name: s, namespace: n}}, data: [{CANARY}]}}", "data is not a mapping"),
        (
            "{kind: Secret, metadata: {name: s, annotations: {sealedsecrets.bitnami.com/cluster-wide: true}}}",
            "not all text",
        ),
        ("{kind: ConfigMap, metadata: {name: s}}", "document 1 is not a Secret, but ConfigMap"),
        (f"kind: Secret\nstringData:\n  a: {CANARY}: [", "neither YAML nor JSON: line 3"),
        (CANARY, "document 1 is not a Secret, but str"),
        ("", "no Secret in the input"),
    ],
)
def test_refused(pair: KeyPair, manifest: str, message: str) -> None:
    """What kubeseal refuses is refused, and no value is shown."""
    with pytest.raises(InputError, match=message) as caught:
        sealed_manifest(named(one(manifest)), SealingCertificate.parse(pair.certificate))

    assert CANARY not in f"{caught.value} {caught.value.cause} {caught.value.next_step}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_empty_data(pair: KeyPair) -> None:
    """An empty Secret is sealed if that is said."""
    secret = named({"metadata": {"name": "s", "namespace": "n"}})

    assert (
        {}
        == sealed_manifest(secret, SealingCertificate.parse(pair.certificate), allow_empty=True)["spec"][
            "encryptedData"
        ]
    )


def test_wrapped_base64() -> None:
    """Base64 with line breaks in it, as the tool of that name writes it, is read."""
    assert {"a": b"x" * 60} == contents_of(
        {"metadata": {"name": "s"}, "data": {"a": base64.encodebytes(b"x" * 60).decode()}}
    )
