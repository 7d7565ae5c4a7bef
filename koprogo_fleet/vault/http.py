"""The wire below hvac: TLS only where it began with TLS, and every status told apart."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hvac  # type: ignore[import-untyped]
import requests
from hvac import exceptions as hvac_errors

LOOPBACK = {"127.0.0.1", "::1", "localhost"}

TIMEOUT = 10.0
"""Seconds for one call."""

_STANDBYS = {472, 473}
"""What Vault Enterprise says of its health on a replica."""

_FOR_A_WHILE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT, *_STANDBYS}


class Wire(requests.Session):
    """Follows a standby to the active server, but never from TLS to an address without it: the token goes along."""

    def __init__(self, address: str, ca: Path | None) -> None:
        super().__init__()
        # hvac drops its own `verify` where a session is given: the session's counts.
        self.verify = str(ca) if ca is not None else True
        self.trust_env = urlsplit(address).hostname not in LOOPBACK  # no proxy leads to our own loopback

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer leads, if it leads anywhere."""
        target = super().get_redirect_target(resp)
        if target is not None and resp.url.startswith("https:") and urlsplit(target).scheme not in {"https", ""}:
            raise requests.exceptions.InvalidURL(f"it leads to {target}, without TLS")
        return target


class Adapter(hvac.adapters.JSONAdapter):  # type: ignore[misc]
    """hvac's, which makes one "unexpected" error of the statuses that it does not know."""

    def request(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        raise_exception: bool = True,  # noqa: FBT001, FBT002 - hvac's signature
        **kwargs: Any,
    ) -> Any:
        """Return the JSON of a success, or the bare answer where it has none."""
        answer = super().request(method, url, headers=headers, raise_exception=False, **kwargs)
        if raise_exception and isinstance(answer, requests.Response) and not answer.ok:
            raise refusal(answer)
        return answer


def client(address: str, wire: Wire, token: str, namespace: str | None) -> Any:
    """Return hvac's client; an empty *token* is none, and nothing is looked up elsewhere."""
    return hvac.Client(
        url=address, token=token, timeout=TIMEOUT, session=wire, adapter=Adapter, namespace=namespace or None
    )


def refusal(answer: requests.Response) -> Exception:
    """Return hvac's error for a status; it carries what Vault says, and of another server's page nothing."""
    body = _json(answer)
    errors = body.get("errors") if isinstance(body, dict) else None
    what = {
        "errors": [str(error) for error in errors] if isinstance(errors, list) else None,
        "method": answer.request.method,
        "json": body,
    }
    status = answer.status_code
    if status == HTTPStatus.PRECONDITION_FAILED:
        return hvac_errors.PreconditionFailed(**what)  # type: ignore[no-any-return]
    if status in _FOR_A_WHILE:
        return hvac_errors.BadGateway(**what)  # type: ignore[no-any-return]
    return hvac_errors.VaultError.from_status(status, **what)  # type: ignore[no-any-return]


def _json(answer: requests.Response) -> Any:
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return None
    try:
        return answer.json()
    except ValueError:
        return None
