"""
What all servers share (authorities, encryption keys), kept in etcd under a key and a cipher made of the server token.

K3s' source, pkg/cluster: encrypt.go (the key's name, AES-GCM with PBKDF2), storage.go (one key, and only the current
token's is accepted), bootstrap.go (at a start the newer of disk and datastore wins).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.standin.node.etcd import Etcd
from koprogo_fleet.lab.standin.node.layout import Layout
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.pki import export_shared, import_shared

PREFIX = "/bootstrap"
ITERATIONS = 4096
NONCE_BYTES = 12
SKEW_SECONDS = 3
DIFFERENT_TOKEN = "bootstrap data already found and encrypted with different token"  # noqa: S105 - an error's text


def storage_key(password: Secret) -> str:
    """Return the name of the key in etcd that belongs to a server token's password."""
    return f"{PREFIX}/{hashlib.sha256(password.reveal().encode()).hexdigest()[:12]}"


def encrypt(password: Secret, plain: bytes) -> str:
    """Return *plain* as K3s stores it: the salt, and nonce and ciphertext in base64."""
    salt, nonce = secrets.token_hex(8), secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(_cipher_key(password, salt)).encrypt(nonce, plain, None)
    return f"{salt}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(password: Secret, stored: str) -> bytes:
    """Return what was encrypted."""
    salt, _, encoded = stored.partition(":")
    sealed = base64.b64decode(encoded)
    return AESGCM(_cipher_key(password, salt)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)


def _cipher_key(password: Secret, salt: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha1", password.reveal().encode(), salt.encode(), ITERATIONS, 32)


class BootstrapData:
    """The shared files of one cluster, between this server's disk and etcd."""

    def __init__(self, layout: Layout, etcd: Etcd) -> None:
        self._layout = layout
        self._etcd = etcd

    def reconcile(self, password: Secret) -> None:
        """
        Bring disk and datastore together as a server starts: the newer one wins; what is not stored yet is stored.

        Raises:
            KubernetesError: it was stored under another token.
        """
        stored = self._etcd.values(PREFIX)
        if not stored:
            self.save(password)
            return
        files = self._decrypted(stored, password)
        on_disk = self._files()
        different = [name for name, file in files.items() if on_disk.get(name, {}).get("Content") != file["Content"]]
        if not different and set(on_disk) == set(files):
            return
        for name in different:
            log.warning("%s is out of sync with datastore", name)
        if any(
            on_disk[name]["Timestamp"] - files[name]["Timestamp"] >= SKEW_SECONDS
            for name in different
            if name in on_disk
        ):
            log.warning("files newer than within database")
            self.save(password)
        else:
            log.warning("database newer than files")
            import_shared(self._layout, {name: file["Content"] for name, file in files.items()})

    def save(self, password: Secret) -> None:
        """
        Store today's files under *password*.

        Raises:
            KubernetesError: they are stored under another token, or etcd does not take them.
        """
        stored = self._etcd.values(PREFIX)
        if len(stored) > 1:
            raise KubernetesError("found multiple bootstrap keys in storage")
        if stored and storage_key(password) not in stored:
            raise KubernetesError(DIFFERENT_TOKEN)
        self._etcd.put(storage_key(password), encrypt(password, json.dumps(self._files()).encode()))

    def change_token(self, old: Secret, new: Secret) -> None:
        """
        Store the same under another token: the new key is there before the old one goes.

        Raises:
            KubernetesError: nothing is stored under *old*.
        """
        stored = self._etcd.values(PREFIX)
        if storage_key(old) not in stored:
            raise KubernetesError(DIFFERENT_TOKEN)
        plain = decrypt(old, stored[storage_key(old)])
        self._etcd.put(storage_key(new), encrypt(new, plain))
        self._etcd.delete(storage_key(old))
        log.info("created bootstrap key %s", storage_key(new))

    @staticmethod
    def _decrypted(stored: dict[str, str], password: Secret) -> dict[str, dict[str, Any]]:
        if storage_key(password) not in stored:
            raise KubernetesError(DIFFERENT_TOKEN)
        files: dict[str, dict[str, Any]] = json.loads(decrypt(password, stored[storage_key(password)]))
        return files

    def _files(self) -> dict[str, dict[str, Any]]:
        root = self._layout.data_dir / "server"
        return {
            name: {"Timestamp": (root / name).stat().st_mtime, "Content": content}
            for name, content in export_shared(self._layout).items()
        }
