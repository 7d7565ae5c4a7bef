"""HTTPS to the supervisor and the API server, over one connection that is kept and made again when it breaks."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.errors import KubernetesError

TIMEOUT_SECONDS = 10
IDEMPOTENT = frozenset({"GET", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Answer:
    """What the server said; *request* names the call in errors."""

    request: str
    status: int
    reason: str
    body: bytes

    @property
    def ok(self) -> bool:
        """Say whether it is a success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own numbers

    def json(self) -> Any:
        """
        Return the body of a success as JSON.

        Raises:
            KubernetesError: it is a failure; says the server's own message, if any.
        """
        return json.loads(self.success())

    def success(self) -> bytes:
        """Return the body of a success; raise :class:`KubernetesError` for anything else."""
        if self.ok:
            return self.body
        raise KubernetesError(f"{self.request}: {self.status} {self.reason}{self._message()}")

    def _message(self) -> str:
        try:
            message = json.loads(self.body)["message"]
        except (ValueError, KeyError, TypeError):
            return ""
        return f": {message}"


class Client:
    """One HTTPS connection to one address; not for use by two threads at once."""

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext,
        headers: Mapping[str, str] | None = None,
        seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._url = f"https://{host}:{port}"
        self._headers = dict(headers or {})
        self._connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._connection.close()

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """
        Make one call and return the answer, whatever its status.

        Raises:
            KubernetesError: no answer.
        """
        reused = self._connection.sock is not None
        try:
            return self._call(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if not (reused and method in IDEMPOTENT):
                raise self._no_answer(method, path, error) from error
        try:  # the server had closed the idle connection
            return self._call(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise self._no_answer(method, path, error) from error

    def _call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None) -> Answer:
        self._connection.request(method, path, body, {**self._headers, **(headers or {})})
        response = self._connection.getresponse()
        return Answer(f"{self._url}{path}", response.status, response.reason, response.read())

    def _no_answer(self, method: str, path: str, error: Exception) -> KubernetesError:
        return KubernetesError(f'{method.capitalize()} "{self._url}{path}": {error or type(error).__name__}')


class Api(Client):
    """The Kubernetes API, as far as the stand-in needs it."""

    def get(self, path: str) -> dict[str, Any] | None:
        """Return an object or a list; None where there is none."""
        answer = self.call("GET", path)
        return None if answer.status == http.HTTPStatus.NOT_FOUND else answer.json()

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return the items of a list."""
        return list((self.get(path) or {}).get("items") or ())

    def send(self, method: str, path: str, body: object, kind: str = "application/json") -> Answer:
        """Send *body* as JSON; *kind* is the content type (a patch has its own)."""
        return self.call(method, path, json.dumps(body).encode(), {"Content-Type": kind})

    def merge(self, path: str, body: object) -> Answer:
        """Patch the given fields (JSON merge patch)."""
        return self.send("PATCH", path, body, "application/merge-patch+json")

    def patch(self, path: str, body: object) -> Answer:
        """Patch the given fields, lists by their keys (strategic merge patch)."""
        return self.send("PATCH", path, body, "application/strategic-merge-patch+json")
