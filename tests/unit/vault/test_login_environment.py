"""Which way to log in the environment names."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.login import (
    SERVICE_ACCOUNT_TOKEN,
    AppRole,
    GivenToken,
    Jwt,
    JwtFile,
    JwtText,
    Kubernetes,
    LoginMethod,
    SecretIdFile,
    WrappedSecretId,
)
from koprogo_fleet.vault.login.environment import login_of

MADE_BY = "auth/approle/role/koprogo-rotate/secret-id"


@pytest.mark.parametrize(
    ("environment", "login"),
    [
        ({"VAULT_TOKEN": " t\n"}, GivenToken(Secret("t"))),
        (
            {"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID_FILE": "/run/secret-id"},
            AppRole("r", SecretIdFile(Path("/run/secret-id"))),
        ),
        (
            {"VAULT_ROLE_ID": "r", "VAULT_WRAPPED_SECRET_ID_FILE": "/run/w", "VAULT_SECRET_ID_PATH": MADE_BY},
            AppRole("r", WrappedSecretId(Path("/run/w"), MADE_BY)),
        ),
        ({"VAULT_KUBERNETES_ROLE": "k"}, Kubernetes("k", SERVICE_ACCOUNT_TOKEN)),
        (
            {"VAULT_KUBERNETES_ROLE": "k", "VAULT_KUBERNETES_JWT_FILE": "/t", "VAULT_AUTH_MOUNT": "k3s"},
            Kubernetes("k", Path("/t"), "k3s"),
        ),
        ({"VAULT_JWT_ROLE": "j", "VAULT_JWT": "a.b.c"}, Jwt("j", JwtText(Secret("a.b.c")))),
        (
            {"VAULT_JWT_ROLE": "j", "VAULT_JWT_FILE": "/j", "VAULT_AUTH_MOUNT": "github"},
            Jwt("j", JwtFile(Path("/j")), "github"),
        ),
    ],
)
def test_one_way(environment: dict[str, str], login: LoginMethod) -> None:
    """The variables of one way to log in, and no others, are that way."""
    assert login_of(environment) == login


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"VAULT_TOKEN": "t", "VAULT_ROLE_ID": "r"}, "VAULT_TOKEN and VAULT_ROLE_ID are set"),
        ({"VAULT_ROLE_ID": "r"}, "not exactly one of VAULT_SECRET_ID_FILE"),
        (
            {"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID_FILE": "/a", "VAULT_WRAPPED_SECRET_ID_FILE": "/b"},
            "not exactly one of VAULT_SECRET_ID_FILE",
        ),
        ({"VAULT_ROLE_ID": "r", "VAULT_WRAPPED_SECRET_ID_FILE": "/b"}, "VAULT_SECRET_ID_PATH is not"),
        ({"VAULT_JWT_ROLE": "j"}, "not exactly one of VAULT_JWT_FILE and VAULT_JWT"),
    ],
)
def test_two_ways_or_half_of_one(environment: dict[str, str], said: str) -> None:
    """A token that is left over is not picked up in silence, and half of a way is told at once."""
    with pytest.raises(InputError, match=said):
        login_of(environment)
