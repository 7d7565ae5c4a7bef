"""
What a server is asked with the server token: rotating that token, and the encryption keys.

K3s' source: pkg/server/handlers/token.go and secrets-encrypt.go; ``k3s token rotate`` and ``k3s secrets-encrypt`` only
send these requests.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

from koprogo_fleet.core.errors import InputError, KoprogoError, KubernetesError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.standin.node import pki
from koprogo_fleet.lab.standin.node.bootstrap_data import BootstrapData
from koprogo_fleet.lab.standin.node.encryption_rotation import EncryptionRotation
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.settings import Settings
from koprogo_fleet.lab.standin.node.supervisor import Reply, Request

TOKEN = "/v1-k3s/token"  # noqa: S105 - a path
ENCRYPTION_STATUS = "/v1-k3s/encrypt/status"
ENCRYPTION_CONFIG = "/v1-k3s/encrypt/config"
SETTLE_SECONDS = 1.0
"""K3s waits so long before it answers a change: whoever kills it then finds the files on the disk."""


class ServerRequests:
    """
    Answers them, one change at a time.

    Args:
        passwords: by user; what is accepted from the moment of the change on.
        ca: of the cluster, for the token file.
    """

    def __init__(
        self,
        settings: Settings,
        passwords: MutableMapping[str, Secret],
        ca: bytes,
        data: BootstrapData,
        encryption: EncryptionRotation,
    ) -> None:
        self._settings, self._passwords, self._ca = settings, passwords, ca
        self._data, self._encryption = data, encryption
        self._changing = threading.Lock()

    @property
    def routes(self) -> Mapping[tuple[str, str], Callable[[Request], Reply]]:
        """The handlers, by method and path."""
        return {
            ("PUT", TOKEN): self._change_token,
            ("GET", ENCRYPTION_STATUS): self._encryption_status,
            ("PUT", ENCRYPTION_CONFIG): self._change_encryption,
        }

    def _change_token(self, request: Request) -> Reply:
        with self._changing:
            try:
                self._rotate_token(Secret(_body(request).get("newToken") or secrets.token_hex(16)))
            except KubernetesError as error:
                return _refused(HTTPStatus.INTERNAL_SERVER_ERROR, "token", error)
        return Reply(HTTPStatus.OK, b"")

    def _rotate_token(self, new: Secret) -> None:
        old = self._passwords["server"]
        self._passwords["server"] = new
        if self._settings.agent_token is None:
            self._passwords["node"] = new
        pki.write_tokens(self._settings, new.reveal(), self._passwords["node"].reveal(), self._ca)
        self._data.change_token(old, new)
        self._data.save(new)
        log.info("Server token rotated")

    def _encryption_status(self, _request: Request) -> Reply:
        try:
            state = self._encryption.status()
        except KubernetesError as error:
            return _refused(HTTPStatus.INTERNAL_SERVER_ERROR, "secret-encrypt", error)
        return Reply(HTTPStatus.OK, json.dumps(state).encode(), "application/json")

    def _change_encryption(self, request: Request) -> Reply:
        wanted = _body(request)
        with self._changing:
            try:
                if stage := wanted.get("stage"):
                    self._encryption.request(stage, force=bool(wanted.get("force")), skip=bool(wanted.get("skip")))
                elif wanted.get("enable") is not None:
                    self._encryption.enable(wanted=bool(wanted["enable"]))
            except KoprogoError as error:
                return _refused(HTTPStatus.BAD_REQUEST, "secret-encrypt", error)
            time.sleep(SETTLE_SECONDS)
        return Reply(HTTPStatus.OK, b"")


def _body(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(request.body)
    except ValueError as error:
        raise InputError(str(error)) from error
    if not isinstance(document, dict):
        raise InputError("json: cannot unmarshal into an object")
    return document


def _refused(status: HTTPStatus, what: str, error: KoprogoError) -> Reply:
    """Answer as K3s' SendErrorWithID: the reason is in the server's log, beside an id that the answer names."""
    number = f"{secrets.randbelow(10**5):05d}"
    log.error("%s error ID %s: %s", what, number, error)
    return Reply(status, f"{what} error ID {number}\n".encode())
