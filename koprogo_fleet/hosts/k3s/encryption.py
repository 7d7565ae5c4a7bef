"""
How Secrets are encrypted in etcd, as one server tells it: the keys, and the stage of their rotation.

Sources: docs.k3s.io, "secrets-encrypt"; K3s' pkg/server/handlers/secrets-encrypt.go (the status) and
pkg/secretsencrypt/config.go (the file of the stage).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from koprogo_fleet.hosts.k3s import paths

CANARY_NAMESPACE = "kube-system"
CANARY_NAME = "koprogo-encryption-canary"
AES_CBC = "AES-CBC"

LOOK = f"""\
timeout 15 {paths.BINARY} secrets-encrypt status --output json </dev/null 2>&1 | tr -d '\\n\\t'; echo
cat {paths.ENCRYPTION_STATE} 2>/dev/null | tr -d '\\n'; echo
sha256sum {paths.ENCRYPTION_CONFIG} 2>/dev/null | cut -d' ' -f1 | tr -d '\\n'; echo
ready=$(date +%s -d "$(systemctl show k3s --property=ActiveEnterTimestamp --value)" 2>/dev/null || echo 0)
[ "$(stat -c %Y {paths.ENCRYPTION_CONFIG} 2>/dev/null || echo 0)" -lt "$ready" ] && echo read || echo unread
timeout 15 {paths.BINARY} kubectl get secret {CANARY_NAME} --namespace {CANARY_NAMESPACE} \
--output 'jsonpath={{.data.value}}' </dev/null 2>&1 | tr -d '\\n'; echo
"""


class Stage(StrEnum):
    """K3s' names; the first and the last are the two in which nothing is going on."""

    START = "start"
    PREPARE = "prepare"
    ROTATE = "rotate"
    REENCRYPT_ACTIVE = "reencrypt_active"
    REENCRYPT_FINISHED = "reencrypt_finished"

    @property
    def calm(self) -> bool:
        """Say whether a rotation may begin."""
        return self in {Stage.START, Stage.REENCRYPT_FINISHED}


@dataclass(frozen=True)
class Encryption:
    """
    What one server says.

    Attributes:
        enabled: what is written now is encrypted.
        stage: as K3s shows it on the server's Node; None where the server could not say.
        recorded: the stage and the configuration's hash, as the server will show them after its next start.
        config_hash: of the configuration on its disk.
        active: the type and name of the key that writes, such as "AES-CBC aescbckey".
        inactive: those that only read.
        unread: the configuration is younger than this server's API server, which may not know it.
        hashes: what K3s says about the servers' hashes where they differ; empty where they match.
        canary: the canary Secret's value as this server shows it, or its error.
        error: why the status could not be told.
    """

    enabled: bool = False
    stage: Stage | None = None
    recorded: str = ""
    config_hash: str = ""
    active: str = ""
    inactive: tuple[str, ...] = ()
    unread: bool = False
    hashes: str = ""
    canary: str = ""
    error: str = ""


def parse(output: str) -> Encryption:
    """Return the meaning of :data:`LOOK`'s output."""
    status, recorded, config_hash, read, canary = (output.splitlines() + [""] * 5)[:5]
    begin = status.find("{")
    try:
        found = json.loads(status[begin:]) if begin >= 0 else None
        stage = Stage(found["stage"]) if found and found.get("stage") else None
    except (ValueError, TypeError, KeyError):
        found, stage = None, None
    if found is None:
        return Encryption(
            recorded=recorded, config_hash=config_hash, canary=canary, error=status.strip()[-300:] or "no answer"
        )
    return Encryption(
        enabled=found.get("enable") is True,
        stage=stage,
        recorded=recorded,
        config_hash=config_hash,
        active=found.get("activekey") or "",
        inactive=tuple(found.get("inactivekeys") or ()),
        unread=read != "read",
        hashes="" if found.get("hashmatch") else found.get("hasherror", ""),
        canary=canary,
    )
