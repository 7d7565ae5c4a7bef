"""From what hvac and requests raise to errors that explain; hvac's own text never gets through unread."""

from __future__ import annotations

import hvac.exceptions as hvac_errors  # type: ignore[import-untyped]
import requests

from koprogo_fleet.core.errors import VaultConflict, VaultError, VaultRefused, VaultSealed, VaultUnavailable

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
        case hvac_errors.InternalServerError() | hvac_errors.BadGateway() | hvac_errors.RateLimitExceeded():
            return VaultUnavailable(seen, cause="Vault is starting, overloaded or a standby", next_step="vault status")
        case _:
            return VaultError(seen, next_step="vault status")


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
