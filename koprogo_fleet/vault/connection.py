"""What the clients of Vault's engines share: a session, patience, and errors that explain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import hvac  # type: ignore[import-untyped]
import requests
import tenacity

from koprogo_fleet.core.errors import VaultError, VaultUnavailable
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.errors import explained, unreachable

LOOPBACK = {"127.0.0.1", "::1", "localhost"}

TIMEOUT = 10.0
"""Seconds for one call."""

T = TypeVar("T")


class VaultConnection:
    """
    A connection to one mount of a Vault or OpenBao server.

    Args:
        address: ``https://host:port``.
        token: used as given; neither ``VAULT_TOKEN`` nor ``~/.vault-token`` is looked at.
        ca: file of the authority that the server is verified with; None means those of this machine.
        mount: where the engine is mounted.
        patience: seconds for which a call is repeated while Vault is unavailable.
    """

    def __init__(self, address: str, token: Secret, ca: Path | None, mount: str, *, patience: float = 20.0) -> None:
        self.address = address
        self.mount = mount
        self._session = requests.Session()
        # hvac drops its own `verify` where a session is given: the session's counts.
        self._session.verify = str(ca) if ca is not None else True
        self._session.trust_env = urlsplit(address).hostname not in LOOPBACK  # no proxy leads to our own loopback
        self._client = hvac.Client(url=address, token=token.reveal(), timeout=TIMEOUT, session=self._session)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(VaultUnavailable),
            stop=tenacity.stop_after_delay(patience),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
            reraise=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _call(self, what: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except hvac.exceptions.VaultError as error:
            # Not chained: the library's error holds the whole answer.
            raise self._explained(error, what) from None
        except requests.RequestException as error:
            raise unreachable(error, self.address, what) from None

    def _explained(self, error: hvac.exceptions.VaultError, what: str) -> VaultError:
        return explained(error, self.address, what)
