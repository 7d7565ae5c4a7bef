"""The way to log in that the environment names: exactly one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from koprogo_fleet.core.errors import InputError, MissingCredentials
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.login.approle import AppRole, SecretIdFile, WrappedSecretId
from koprogo_fleet.vault.login.jwt import Jwt, JwtFile, JwtText
from koprogo_fleet.vault.login.kubernetes import SERVICE_ACCOUNT_TOKEN, Kubernetes
from koprogo_fleet.vault.login.method import LoginMethod
from koprogo_fleet.vault.login.token import GivenToken

TOKEN = "VAULT_TOKEN"  # noqa: S105 - the name of a variable
ROLE_ID, SECRET_ID_FILE = "VAULT_ROLE_ID", "VAULT_SECRET_ID_FILE"
WRAPPED_FILE, WRAPPED_PATH = "VAULT_WRAPPED_SECRET_ID_FILE", "VAULT_SECRET_ID_PATH"
KUBERNETES_ROLE, KUBERNETES_FILE = "VAULT_KUBERNETES_ROLE", "VAULT_KUBERNETES_JWT_FILE"
JWT_ROLE, JWT_FILE, JWT = "VAULT_JWT_ROLE", "VAULT_JWT_FILE", "VAULT_JWT"
MOUNT = "VAULT_AUTH_MOUNT"

GUIDE = "docs/howto/vault-login.md says what each way to log in needs"


def login_of(environment: Mapping[str, str]) -> LoginMethod:
    """
    Return the way to log in.

    Raises:
        MissingCredentials: there is none.
        InputError: there are several, or half of one.
    """
    given = {name: value.strip() for name, value in environment.items() if name.startswith("VAULT_") and value.strip()}
    found = [name for name in _METHODS if name in given]
    if not found:
        raise MissingCredentials(
            f"VAULT_ADDR is set, but no way to log in: none of {', '.join(_METHODS)}",
            next_step=f'export {TOKEN}="$(vault token create -field=token -policy=…)", or unset VAULT_ADDR to use the '
            f"lab; {GUIDE}",
        )
    if len(found) > 1:
        raise InputError(
            f"there is more than one way to log in to Vault: {' and '.join(found)} are set",
            cause="one of them is left over, and nobody can tell which",
            next_step=f"unset {found[0]}, or the others",
        )
    return _METHODS[found[0]](given)


def _token(given: Mapping[str, str]) -> LoginMethod:
    return GivenToken(Secret(given[TOKEN]))


def _approle(given: Mapping[str, str]) -> LoginMethod:
    mount = given.get(MOUNT, "approle")
    if (SECRET_ID_FILE in given) == (WRAPPED_FILE in given):
        raise InputError(
            f"{ROLE_ID} is set, but not exactly one of {SECRET_ID_FILE} and {WRAPPED_FILE}", next_step=GUIDE
        )
    if SECRET_ID_FILE in given:
        return AppRole(given[ROLE_ID], SecretIdFile(Path(given[SECRET_ID_FILE])), mount)
    if WRAPPED_PATH not in given:
        raise InputError(
            f"{WRAPPED_FILE} is set, but {WRAPPED_PATH} is not",
            cause="without it, anybody's wrapping token would do",
            next_step=f"export {WRAPPED_PATH}=auth/{mount}/role/<role>/secret-id",
        )
    return AppRole(given[ROLE_ID], WrappedSecretId(Path(given[WRAPPED_FILE]), given[WRAPPED_PATH]), mount)


def _kubernetes(given: Mapping[str, str]) -> LoginMethod:
    path = Path(given.get(KUBERNETES_FILE, SERVICE_ACCOUNT_TOKEN))
    return Kubernetes(given[KUBERNETES_ROLE], path, given.get(MOUNT, "kubernetes"))


def _jwt(given: Mapping[str, str]) -> LoginMethod:
    if (JWT_FILE in given) == (JWT in given):
        raise InputError(f"{JWT_ROLE} is set, but not exactly one of {JWT_FILE} and {JWT}", next_step=GUIDE)
    jwts = JwtFile(Path(given[JWT_FILE])) if JWT_FILE in given else JwtText(Secret(given[JWT]))
    return Jwt(given[JWT_ROLE], jwts, given.get(MOUNT, "jwt"))


_METHODS: Mapping[str, Callable[[Mapping[str, str]], LoginMethod]] = {
    TOKEN: _token,
    ROLE_ID: _approle,
    KUBERNETES_ROLE: _kubernetes,
    JWT_ROLE: _jwt,
}
"""By the variable that says that a way is meant."""
