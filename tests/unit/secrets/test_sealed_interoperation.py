"""Sealed values against two other implementations: a Python library, and a JavaScript one."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.secrets.sealing.block import label_of, open_block
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.manifests import named, scope_of, sealed_manifest
from koprogo_fleet.secrets.sealing.words import Scope

if TYPE_CHECKING:
    from conftest import KeyPair

PACKAGE = "@linode/kubeseal-encrypt@1.0.1"
CONTENTS = {"text": "pässwörd 🏠".encode(), "binary": bytes(range(256)), "empty": b""}
SEAL_THERE = """
const {encryptSecretItem} = require('@linode/kubeseal-encrypt');
const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'));
Promise.all(asked.values.map(value => encryptSecretItem(asked.key, asked.namespace, value)))
  .then(sealed => console.log(JSON.stringify(sealed)));
"""


def private_key(pair: KeyPair) -> rsa.RSAPrivateKey:
    """Return the key that opens."""
    key = serialization.load_pem_private_key(pair.private_key, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@pytest.mark.parametrize("scope", Scope)
def test_kubesealpy_opens_what_we_seal(pair: KeyPair, scope: Scope) -> None:
    """A whole SealedSecret of ours, binary values included, becomes the same Secret there."""
    kubesealpy = pytest.importorskip("kubesealpy", reason="no kubesealpy: pip install --group test")
    data = {key: base64.b64encode(content).decode() for key, content in CONTENTS.items()}
    metadata = {"name": "api", "namespace": "koprogo", "labels": {"app": "api"}}
    secret = named({"kind": "Secret", "metadata": metadata, "type": "kubernetes.io/x", "data": data}, scope=scope)
    ours = sealed_manifest(secret, SealingCertificate.parse(pair.certificate))

    there = kubesealpy.Unsealer.from_private_key(private_key(pair)).unseal(
        kubesealpy.SealedSecret.from_yaml(yaml.safe_dump(ours))
    )

    assert there.get_data_decoded() == CONTENTS
    assert (there.type, there.metadata.labels) == ("kubernetes.io/x", {"app": "api"})


@pytest.mark.parametrize("scope", Scope)
def test_we_open_what_kubesealpy_seals(pair: KeyPair, scope: Scope) -> None:
    """A whole SealedSecret of theirs opens here, under the scope that its annotations say."""
    kubesealpy = pytest.importorskip("kubesealpy", reason="no kubesealpy: pip install --group test")
    sealer = kubesealpy.Sealer.from_certificate_pem(pair.certificate)
    theirs = sealer.seal("api", "koprogo", CONTENTS, scope=kubesealpy.SealingScope(str(scope)))
    manifest: dict[str, Any] = yaml.safe_load(theirs.to_yaml())

    label = label_of("koprogo", "api", scope_of(manifest["metadata"]))

    assert CONTENTS == {
        key: open_block(block, private_key(pair), label) for key, block in manifest["spec"]["encryptedData"].items()
    }


def kubeseal_encrypt() -> Path:
    """Return a folder in which node finds the npm package; it is installed once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node or npm: apt-get install nodejs npm")
    folder = cache_dir() / "kubeseal-encrypt"
    if not (folder / "node_modules" / "@linode" / "kubeseal-encrypt" / "package.json").exists():
        words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr.strip()[-200:]}")
    return folder


def test_we_open_what_the_npm_package_seals(pair: KeyPair) -> None:
    """Values that the JavaScript package seals (namespace-wide, its only scope; it opens none) open here, and nowhere else."""
    values = ["pässwörd 🏠", "", "a\0b\n", "x" * 10_000]
    key = x509.load_pem_x509_certificate(pair.certificate.encode()).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    asked = json.dumps({"key": pem, "namespace": "koprogo", "values": values})

    done = subprocess.run(
        ["node", "-e", SEAL_THERE],
        cwd=kubeseal_encrypt(),
        input=asked,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    sealed = json.loads(done.stdout)
    label = label_of("koprogo", "whatever", Scope.NAMESPACE_WIDE)
    assert [value.encode() for value in values] == [open_block(block, private_key(pair), label) for block in sealed]
    assert [None] * 4 == [open_block(block, private_key(pair), b"other") for block in sealed]
