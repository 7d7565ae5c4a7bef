"""
Encryption at rest as K3s keeps it: the API server's EncryptionConfiguration, and the stage of its keys' rotation.

K3s' source, pkg/secretsencrypt/config.go: the stage and the SHA-256 of the configuration are one text,
``<stage>-<hash>``, in a file beside the configuration and as an annotation on the server's Node.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.standin.node.layout import Layout

ANNOTATION = "k3s.io/encryption-config-hash"
START, PREPARE, ROTATE = "start", "prepare", "rotate"
REENCRYPT_ACTIVE, REENCRYPT_FINISHED = "reencrypt_active", "reencrypt_finished"
ROTATE_KEYS = "rotate_keys"
FIRST_KEY = "aescbckey"
KEY_TYPE = "AES-CBC"
KEY_BYTES = 32

Key = dict[str, str]


@dataclass(frozen=True)
class Config:
    """The keys, the one that writes first, and whether anything is encrypted that is written now."""

    keys: tuple[Key, ...]
    enabled: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The keys' names."""
        return tuple(key["name"] for key in self.keys)


def ensure(layout: Layout) -> None:
    """Make the first configuration (AES-CBC, a random key) and the stage "start", where there are none."""
    if not layout.encryption_config.exists():
        write(layout, Config((new_key(FIRST_KEY),)))
    if not layout.encryption_state.exists():
        record(layout, START)


def read(layout: Layout) -> Config | None:
    """
    Return what is configured, or None where nothing is.

    Raises:
        KubernetesError: there is a provider that K3s does not write.
    """
    if not layout.encryption_config.exists():
        return None
    providers: list[dict[str, Any]] = json.loads(layout.encryption_config.read_text())["resources"][0]["providers"]
    if any(set(provider) - {"aescbc", "identity"} for provider in providers):
        raise KubernetesError("non-standard encryption keys found")
    keys = [key for provider in providers for key in (provider.get("aescbc") or {}).get("keys", ())]
    return Config(tuple(keys), enabled="aescbc" in providers[0])


def write(layout: Layout, config: Config) -> None:
    """Write the configuration: the identity provider comes first where encryption is switched off."""
    providers: list[dict[str, Any]] = [{"aescbc": {"keys": list(config.keys)}}, {"identity": {}}]
    document = {
        "kind": "EncryptionConfiguration",
        "apiVersion": "apiserver.config.k8s.io/v1",
        "resources": [{"resources": ["secrets"], "providers": providers if config.enabled else providers[::-1]}],
    }
    write_atomically(layout.encryption_config, json.dumps(document), mode=0o600)


def new_key(name: str | None = None) -> Key:
    """Return a random key, named as K3s names those that it adds."""
    made = f"{FIRST_KEY}-{dt.datetime.now(dt.UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}"
    return {"name": name or made, "secret": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}


def rotated(keys: Sequence[Key]) -> tuple[Key, ...]:
    """Return the keys with the last one first: from then on it writes."""
    return (keys[-1], *keys[:-1])


def config_hash(layout: Layout) -> str:
    """Return the hash of the configuration as it is on the disk."""
    return hashlib.sha256(layout.encryption_config.read_bytes()).hexdigest()


def mark(layout: Layout, stage: str) -> str:
    """Return the annotation of *stage* with today's configuration."""
    return f"{stage}-{config_hash(layout)}"


def record(layout: Layout, stage: str) -> None:
    """Keep the stage over a restart; "reencrypt_active" is never kept (skipFile in K3s)."""
    write_atomically(layout.encryption_state, mark(layout, stage), mode=0o600)


def recorded(state_file: Path) -> str | None:
    """Return the annotation that the server begins with; None where encryption was never configured."""
    return state_file.read_text().strip() if state_file.exists() else None
