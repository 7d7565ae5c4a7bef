"""What the lab asks of OpenBao as its administrator: initialise, unseal, mount, policy, token."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import VaultError, VaultUnavailable
from koprogo_fleet.core.secret import Secret

TIMEOUT = 10.0
INITIALISE_TIMEOUT = 60.0
"""Seconds; the first start of raft includes an election."""

MOUNT = "secret"
SSH_USER_MOUNT, SSH_HOST_MOUNT = "ssh-user", "ssh-host"
SSH_ROLE = "fleet"
"""The role of both SSH engines."""

POLICY = "koprogo-fleet"
POLICY_TEXT = f"""\
path "{MOUNT}/data/*" {{ capabilities = ["create", "read", "update"] }}
path "{MOUNT}/metadata/*" {{ capabilities = ["read", "list"] }}
path "{SSH_USER_MOUNT}/sign/{SSH_ROLE}" {{ capabilities = ["update"] }}
path "{SSH_HOST_MOUNT}/sign/{SSH_ROLE}" {{ capabilities = ["update"] }}
path "{SSH_USER_MOUNT}/config/ca" {{ capabilities = ["read"] }}
path "{SSH_HOST_MOUNT}/config/ca" {{ capabilities = ["read"] }}
"""
TOKEN_PERIOD = "768h"  # noqa: S105 - a duration


@dataclass(frozen=True)
class Answer:
    """An HTTP status and the JSON that came with it."""

    status: int
    body: Any

    @property
    def errors(self) -> str:
        """What the server said is wrong."""
        return "; ".join(self.body.get("errors") or ()) if isinstance(self.body, dict) else ""


class BaoApi:
    """The HTTP API of the OpenBao server at *address*, verified with the authority in the file *ca*."""

    def __init__(self, address: str, ca: Path) -> None:
        self._address = address
        context = ssl.create_default_context(cafile=ca)
        # An empty ProxyHandler: a proxy of the environment knows nothing of our loopback.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def health(self) -> int:
        """
        Return the status of ``sys/health``: 200 active, 429 standby, 501 not initialised, 503 sealed.

        Raises:
            VaultUnavailable: nothing answers, or somebody else does.
        """
        return self._call("GET", "sys/health").status

    def initialise(self) -> tuple[Secret, Secret]:
        """Initialise with one key share; return the unseal key and the root token, which are shown only this once."""
        answer = self._need("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, timeout=INITIALISE_TIMEOUT)
        return Secret(answer.body["keys_base64"][0]), Secret(answer.body["root_token"])

    def unseal(self, key: Secret) -> None:
        """
        Unseal.

        Raises:
            VaultError: the key is not the one this storage was initialised with.
        """
        self._need("POST", "sys/unseal", {"key": key.reveal()})

    def mounts(self, root: Secret) -> frozenset[str]:
        """Return the names of the engines that are mounted."""
        return frozenset(name.rstrip("/") for name in self._need("GET", "sys/mounts", token=root).body["data"])

    def mount_kv(self, root: Secret) -> None:
        """Mount the key-value engine, version 2."""
        self._need("POST", f"sys/mounts/{MOUNT}", {"type": "kv", "options": {"version": "2"}}, token=root)

    def mount_ssh(self, root: Secret, mount: str, role: Mapping[str, object]) -> None:
        """
        Mount an SSH engine with a signing key of its own and the one role :data:`SSH_ROLE`.

        The role comes last: :meth:`ssh_is_ready` asks for it, so what a crash left half done is done again.
        """
        if mount not in self.mounts(root):
            longest = {"config": {"max_lease_ttl": role["max_ttl"]}}
            self._need("POST", f"sys/mounts/{mount}", {"type": "ssh", **longest}, token=root)
        if self._call("GET", f"{mount}/config/ca", token=root).status != HTTPStatus.OK:
            self._need("POST", f"{mount}/config/ca", {"generate_signing_key": True, "key_type": "ed25519"}, token=root)
        self._need("POST", f"{mount}/roles/{SSH_ROLE}", {"key_type": "ca", **role}, token=root)

    def ssh_is_ready(self, root: Secret, mount: str) -> bool:
        """Say whether the SSH engine has its role."""
        return self._call("GET", f"{mount}/roles/{SSH_ROLE}", token=root).status == HTTPStatus.OK

    def kv_is_ready(self, token: Secret) -> bool:
        """Say whether the mount answers; it does not in its first moment, while it upgrades itself."""
        return self._call("GET", f"{MOUNT}/metadata/?list=true", token=token).status in {
            HTTPStatus.OK,
            HTTPStatus.NOT_FOUND,
        }

    def ensure_policy(self, root: Secret) -> None:
        """Let the fleet's token read and write secrets, have SSH keys signed, and nothing else."""
        self._need("PUT", f"sys/policies/acl/{POLICY}", {"policy": POLICY_TEXT}, token=root)

    def make_token(self, root: Secret) -> Secret:
        """Make the fleet's token: periodic, so that it lives as long as it is renewed; an orphan, so on its own."""
        wanted = {"policies": [POLICY], "period": TOKEN_PERIOD, "display_name": POLICY}
        answer = self._need("POST", "auth/token/create-orphan", wanted, token=root)
        return Secret(answer.body["auth"]["client_token"])

    def renew(self, token: Secret) -> bool:
        """Start the token's period anew; False if the token is no longer valid."""
        if self._call("GET", "auth/token/lookup-self", token=token).status == HTTPStatus.FORBIDDEN:
            return False
        self._need("POST", "auth/token/renew-self", {}, token=token)
        return True

    def _need(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        token: Secret | None = None,
        timeout: float = TIMEOUT,
    ) -> Answer:
        answer = self._call(method, path, body, token=token, timeout=timeout)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise VaultError(
                f"OpenBao of the lab: {method} {path}: {answer.status} {answer.errors}",
                cause="the lab's keys.json does not belong to its data",
                next_step="koprogo-fleet lab down, then koprogo-fleet lab up: a new OpenBao, without the old secrets",
            )
        return answer

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        token: Secret | None = None,
        timeout: float = TIMEOUT,
    ) -> Answer:
        request = urllib.request.Request(  # noqa: S310 - our own https address
            f"{self._address}/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={} if token is None else {"X-Vault-Token": token.reveal()},
        )
        try:
            with self._opener.open(request, timeout=timeout) as response:
                return Answer(response.status, _json(response.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _json(error.read()))
        except (OSError, http.client.HTTPException) as error:
            raise VaultUnavailable(f"OpenBao at {self._address} gives no answer: {error}") from error


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None
