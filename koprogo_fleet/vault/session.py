"""One login, shared by all that a run asks of Vault; patience, renewal, and errors that explain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import hvac  # type: ignore[import-untyped]
import requests
import tenacity

from koprogo_fleet.core.errors import InputError, VaultError, VaultRefused, VaultUnavailable
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.errors import expired, explained, lacking, login_refused, unreachable
from koprogo_fleet.vault.http import Wire, client
from koprogo_fleet.vault.login import GivenToken, Login, LoginMethod
from koprogo_fleet.vault.renewal import Renewal, pause_before_renewal

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds for which a call is repeated while Vault is unavailable."""


class Need(NamedTuple):
    """What a policy has to allow for a call: a *capability* on a *path*."""

    path: str
    capability: str


@dataclass(frozen=True)
class _Held:
    """A login, and the client that uses it."""

    client: Any
    login: Login
    renewal: Renewal


class VaultSession:
    """
    A login to Vault or OpenBao, for all threads of a run. Nothing is sent before the first call.

    The token is renewed in the background. One that has expired all the same is replaced by another login, where the
    method can do that. At the end, the token is revoked if a login made it: one that was given stays.

    Args:
        address: ``https://host:port``.
        login: how to get a token; neither ``VAULT_TOKEN`` nor ``~/.vault-token`` is looked at.
        ca: file of the authority that the server is verified with; None means those of this machine.
        namespace: of Vault Enterprise or OpenBao; None is the root.
        patience: seconds for which a call is repeated while Vault is unavailable.
    """

    def __init__(
        self,
        address: str,
        login: LoginMethod,
        ca: Path | None = None,
        namespace: str | None = None,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self.address = address
        self._login, self._namespace, self._patience = login, namespace, patience
        self._wire = Wire(address, ca)
        self._logging_in = threading.RLock()
        self._held: _Held | None = None
        self._closed = False

    @classmethod
    def with_token(cls, address: str, token: Secret, ca: Path | None = None, *, patience: float = PATIENCE) -> Self:
        """Return a session for a token that is there already."""
        return cls(address, GivenToken(token), ca, patience=patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Revoke the token if a login made it, and close the connections."""
        with self._logging_in:
            held, self._held, self._closed = self._held, None, True
        if held is not None:
            held.renewal.stop()
            self._revoke(held)
        self._wire.close()

    def ask(self, what: str, call: Callable[[Any], T], need: Need | None = None) -> T:
        """
        Return what *call* returns, repeated while Vault is unavailable; it may thus happen twice.

        Args:
            what: is tried, for the error ("read secret/koprogo/api").
            call: is given hvac's client.
            need: lets a refusal name what the policies lack.

        Raises:
            VaultRefused: the token does not allow it, or expired and no other can be had.
            VaultSealed: Vault has to be unsealed first.
            VaultUnavailable: no answer within the session's patience.
            VaultError: any other answer.
        """
        found: T = self.retrying()(self.once, what, call, need)
        return found

    def retrying(self) -> tenacity.Retrying:
        """Return the session's patience, for a caller that has to look between two attempts of :meth:`once`."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(VaultUnavailable),
            stop=tenacity.stop_after_delay(self._patience),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
            reraise=True,
        )

    def once(self, what: str, call: Callable[[Any], T], need: Need | None = None) -> T:
        """Try once, as :meth:`ask`; a call that was refused because the token had expired is repeated with another."""
        held = self._logged_in()
        try:
            return self._explaining(what, lambda: call(held.client))
        except VaultRefused as refused:
            other = self._instead_of(held, refused)
            if other is None:
                raise self._with_capabilities(held, refused, need) from None
        return self._explaining(what, lambda: call(other.client))

    def token_facts(self) -> Mapping[str, Any]:
        """Return what Vault tells of the token: ``ttl``, ``policies``, ``renewable``, ``display_name``, ``accessor``."""
        answer = self.ask("look up the token itself", lambda client: client.auth.token.lookup_self())
        data = answer["data"]
        shown = ("accessor", "display_name", "policies", "renewable", "ttl", "type")
        return {name: data[name] for name in shown if name in data}

    def _logged_in(self) -> _Held:
        with self._logging_in:
            if self._closed:
                raise RuntimeError("the session with Vault is closed")
            if self._held is None:
                self._held = self._log_in()
            return self._held

    def _log_in(self) -> _Held:
        anonymous = client(self.address, self._wire, "", self._namespace)
        what = f"log in to Vault ({type(self._login).__name__})"
        try:
            login = self._explaining(what, lambda: self._login.log_in(anonymous), login=True)
        except VaultRefused as refused:
            if self._held is not None:
                raise expired(refused, what) from None
            raise
        held = _Held(
            client(self.address, self._wire, login.token.reveal(), self._namespace),
            login,
            Renewal(lambda: self._renew(held), pause_before_renewal(login.seconds)),
        )
        if login.seconds and (login.renewable or self._login.ours):
            held.renewal.start()
        return held

    def _instead_of(self, held: _Held, refused: VaultRefused) -> _Held | None:
        """Return another login than *held* if that is dead; None if it lives, and the refusal is about what was asked."""
        with self._logging_in:
            if self._held is not held:
                return self._held  # another thread was faster
            if self._lives(held):
                return None
            if not self._login.ours:
                raise expired(refused, refused.seen)
            held.renewal.abandon()
            self._held = self._log_in()
            return self._held

    def _lives(self, held: _Held) -> bool:
        try:
            self._explaining("look up the token itself", held.client.auth.token.lookup_self)
        except VaultRefused:
            return False
        return True

    def _renew(self, held: _Held) -> float | None:
        """Renew the login *held*, or replace it; return the seconds until the next time, None where there is none."""
        try:
            if held.login.renewable:
                answer = self._explaining("renew the token", held.client.auth.token.renew_self)
                seconds = float(answer["auth"]["lease_duration"])
                if seconds > held.login.seconds / 2:
                    return pause_before_renewal(seconds)
            self._replace(held)
        except VaultUnavailable:
            return 1.0
        except (VaultError, InputError):
            pass  # whoever asks next is told, by a call that is refused
        return None

    def _replace(self, held: _Held) -> None:
        """Log in again before the longest time that the token may have is over."""
        if not self._login.ours:
            return
        with self._logging_in:
            if self._held is not held:
                return
            self._held = self._log_in()
        self._revoke(held)

    def _revoke(self, held: _Held) -> None:
        if self._login.ours and held.login.revocable:
            # It may have expired, or Vault be sealed: then time ends it, and the run's own result counts.
            with suppress(VaultError):
                self._explaining("revoke the token", held.client.auth.token.revoke_self)

    def _with_capabilities(self, held: _Held, refused: VaultRefused, need: Need | None) -> VaultRefused:
        if need is None:
            return refused
        body = {"paths": [need.path]}
        try:
            answer = self._explaining(
                "ask what the token may do", lambda: held.client.write_data("sys/capabilities-self", data=body)
            )
        except VaultError:
            return refused
        has = answer["data"].get(need.path, []) if isinstance(answer, Mapping) else []
        # One of them is enough for a write, and which of them it was is Vault's to know.
        return refused if need.capability in has else lacking(refused, need.path, need.capability, has)

    def _explaining(self, what: str, call: Callable[[], T], *, login: bool = False) -> T:
        try:
            return call()
        except hvac.exceptions.VaultError as error:
            # Not chained: the library's error holds the whole answer.
            if login and isinstance(error, hvac.exceptions.InvalidRequest | hvac.exceptions.Forbidden):
                raise login_refused(error, self.address, what) from None
            raise explained(error, self.address, what) from None
        except requests.RequestException as error:
            raise unreachable(error, self.address, what) from None
