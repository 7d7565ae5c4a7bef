"""
What proves that a node of a name is the same machine as before: ``/etc/rancher/node/password``, and its hash in the cluster.

After K3s' ``pkg/nodepassword``: the Secret ``<node>.node-password.k3s`` in kube-system is made for the first one that comes,
and goes with the Node. An agent with another password is rejected; a server, which cannot ask before its API is up, says so
in its log and goes on.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import closing

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.standin.node.layout import NODE_PASSWORD
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.wire import Api

SECRETS = "/api/v1/namespaces/kube-system/secrets"
NODE_REJECTED = (
    "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server "
    "node-passwd entry, try enabling a unique node name with the --with-node-id flag"
)


def own_password() -> str:
    """Return this machine's password, made when it is first asked for."""
    if not NODE_PASSWORD.exists():
        write_atomically(NODE_PASSWORD, secrets.token_hex(16), mode=0o600)
    return NODE_PASSWORD.read_text().strip()


class NodePassword:
    """What the cluster knows of the password of the node *name*."""

    def __init__(self, name: str, api: Callable[[], Api]) -> None:
        self._secret = f"{name}.node-password.k3s"
        self._api = api
        self._told = False

    def matches(self, password: str) -> bool:
        """Compare with the stored hash; the first one that comes is stored."""
        with closing(self._api()) as api:
            stored = api.get(f"{SECRETS}/{self._secret}")
            if stored is None:
                api.send("POST", SECRETS, _secret(self._secret, password)).success()
                return True
        salt, _, digest = base64.b64decode(stored["data"]["hash"]).decode().partition(":")
        return hmac.compare_digest(digest, _scrypt(password, bytes.fromhex(salt)))

    def ensure(self) -> None:
        """For a server's own node: have its password stored, and say once if another one is."""
        if not self.matches(own_password()) and not self._told:
            log.error("Deferred node password secret validation failed: %s", NODE_REJECTED)
            self._told = True


def _secret(name: str, password: str) -> dict[str, object]:
    salt = os.urandom(8)
    return {
        "metadata": {"name": name},
        "immutable": True,
        "stringData": {"hash": f"{salt.hex()}:{_scrypt(password, salt)}"},
    }


def _scrypt(password: str, salt: bytes) -> str:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1).hex()
