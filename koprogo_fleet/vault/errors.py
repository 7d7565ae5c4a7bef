"""From what hvac and requests raise to errors that explain; hvac's own text never gets through unread."""

from __future__ import annotations

from collections.abc import Sequence

import hvac.exceptions as hvac_errors  # type: ignore[import-untyped]
import requests

from koprogo_fleet.core.errors import VaultConflict, VaultError, VaultRefused, VaultSealed, VaultUnavailable

SEALED = "sealed"
UPGRADING = "Upgrading from non-versioned to versioned data"
CAS_MISMATCH = "check-and-set parameter did not match the current version"


def explained(error: hvac_errors.VaultError, address: str, what: str) -> VaultError:
    """
    Return the error of ours for an error status of Vault.

    Args:
        error: what hvac raised.
        address: of the Vault.
        what: was tried ("read secret/koprogo/api").
    """
    said = " ".join("; ".join(error.errors or ()).split()) or "no explanation"
    seen = f"{what}: Vault at {address} says: {said}"
    if CAS_MISMATCH in said:
        return VaultConflict(
            f"{what}: somebody else has written it meanwhile",
            cause="two runs at the same time, or a person",
            next_step="run the same again: it starts from what is there now",
        )
    if (pause := _pause(error, said)) is not None:
        return VaultUnavailable(seen, cause=pause, next_step="vault status")
    match error:
        case hvac_errors.Forbidden() | hvac_errors.Unauthorized():
            return VaultRefused(
                seen,
                cause="the token is wrong, has expired, or its policies do not allow this path",
                next_step="vault token lookup",
            )
        case hvac_errors.VaultDown() | hvac_errors.VaultNotInitialized():
            return VaultSealed(
                seen,
                cause="Vault was restarted, or never initialised",
                next_step="vault status, then vault operator unseal",
            )
        case hvac_errors.InvalidPath():
            return VaultError(
                seen, cause="no key-value engine is mounted under that name", next_step="vault secrets list"
            )
        case _:
            return VaultError(seen, next_step="vault status")


def _pause(error: hvac_errors.VaultError, said: str) -> str | None:
    """Return why another try may succeed; None where it cannot."""
    match error:
        case (
            hvac_errors.InternalServerError()
            | hvac_errors.BadGateway()
            | hvac_errors.RateLimitExceeded()
            | hvac_errors.PreconditionFailed()
        ):
            return "Vault is starting, overloaded, or a standby that is behind"
        case hvac_errors.VaultDown() if SEALED not in said:
            return "it is in maintenance, or no server is behind that address"
        case hvac_errors.InvalidRequest() if UPGRADING in said:
            return "the engine was mounted a moment ago"
        case _:
            return None


def login_refused(error: hvac_errors.VaultError, address: str, what: str) -> VaultRefused:
    """Return the error of ours for a login that Vault did not accept. It is not repeated: some methods then lock us out."""
    said = "; ".join(error.errors or ()) or "no explanation"
    return VaultRefused(
        f"{what}: Vault at {address} says: {said}",
        cause="the role, or what proves that we may have it, is wrong or has run out; or the method is mounted elsewhere",
        next_step="docs/howto/vault-login.md says what each way to log in needs",
    )


def expired(refused: VaultRefused, what: str) -> VaultRefused:
    """Return the error for a token that is not valid any more, where there is no way to another one."""
    return VaultRefused(
        what if what == refused.seen else f"{what}: the token expired, and no other can be had: {refused.seen}",
        cause="the token is wrong, was revoked, or has expired",
        next_step="vault token lookup; log in again, then run the same command: it goes on from here",
    )


def lacking(refused: VaultRefused, path: str, capability: str, has: Sequence[str]) -> VaultRefused:
    """Return the refusal with what the token's policies lack."""
    return VaultRefused(
        refused.seen,
        cause=f"the token's policies do not give it {capability} on {path}; it has: {', '.join(has) or 'nothing'}",
        next_step=f'add to a policy of it: path "{path}" {{ capabilities = ["{capability}"] }}; '
        "koprogo-fleet vault setup writes those that a fleet needs",
    )


def unreachable(error: requests.RequestException, address: str, what: str) -> VaultError:
    """Return the error of ours for a call that got no HTTP answer."""
    if isinstance(error, requests.exceptions.SSLError):
        return VaultError(
            f"{what}: the server at {address} does not prove that it is our Vault: {_reason(error)}",
            cause="VAULT_CACERT names another authority, or somebody is in between",
            next_step=f"openssl s_client -connect {address.removeprefix('https://')} -CAfile …",
        )
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return VaultUnavailable(
            f"{what}: no answer from Vault at {address}: {_reason(error)}",
            cause="it is down, or a firewall is in between",
            next_step="vault status",
        )
    return VaultError(f"{what}: {address} cannot be used: {error}", next_step="look at VAULT_ADDR")


def _reason(error: requests.RequestException) -> str:
    """Return what went wrong without the layers of pools and retries that urllib3 wraps around it."""
    inner = error.args[0] if error.args else error
    return str(getattr(inner, "reason", inner))
