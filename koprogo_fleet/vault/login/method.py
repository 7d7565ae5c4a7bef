"""What a way to log in is, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from koprogo_fleet.core.errors import InputError, VaultError
from koprogo_fleet.core.secret import Secret


@dataclass(frozen=True)
class Login:
    """
    A token, and what can be done with it.

    Attributes:
        token: for the header of every call.
        seconds: it is valid for; 0 where it does not end.
        renewable: its time can begin anew.
        revocable: it can be taken back before its time; a batch token cannot.
    """

    token: Secret
    seconds: float
    renewable: bool
    revocable: bool


class LoginMethod(Protocol):
    """A way to log in."""

    @property
    def ours(self) -> bool:
        """Whether the token is made for us: then it is revoked in the end, and another can be had when it has expired."""
        ...

    def log_in(self, client: Any) -> Login:
        """
        Return a token.

        Args:
            client: hvac's, without a token.

        Raises:
            hvac.exceptions.VaultError: Vault refuses.
            KoprogoError: what is needed for it is not there.
        """
        ...


def granted(answer: Any) -> Login:
    """
    Read the answer to a login.

    Raises:
        VaultError: it is none.
    """
    auth = answer.get("auth") if isinstance(answer, Mapping) else None
    if not isinstance(auth, Mapping) or not auth.get("client_token"):
        raise VaultError("log in: the answer is not one of Vault", cause="another server listens there")
    return Login(
        Secret(auth["client_token"]),
        float(auth.get("lease_duration") or 0),
        bool(auth.get("renewable")),
        auth.get("token_type") != "batch",
    )


def read_secret(path: Path, what: str) -> Secret:
    """
    Return the text of a file, without the newline at its end.

    Raises:
        InputError: it cannot be read, or is empty.
    """
    try:
        secret = Secret(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(f"{path}, which should hold {what}, cannot be read: {reason}") from None
    if not secret:
        raise InputError(f"{path}, which should hold {what}, is empty")
    return secret
