"""The ways to log in to Vault, one a file; each turns what it holds into a token."""

from __future__ import annotations

from koprogo_fleet.vault.login.approle import AppRole, SecretIdFile, WrappedSecretId
from koprogo_fleet.vault.login.jwt import Jwt, JwtFile, JwtText
from koprogo_fleet.vault.login.kubernetes import SERVICE_ACCOUNT_TOKEN, Kubernetes
from koprogo_fleet.vault.login.method import Login, LoginMethod
from koprogo_fleet.vault.login.token import GivenToken

__all__ = [
    "SERVICE_ACCOUNT_TOKEN",
    "AppRole",
    "GivenToken",
    "Jwt",
    "JwtFile",
    "JwtText",
    "Kubernetes",
    "Login",
    "LoginMethod",
    "SecretIdFile",
    "WrappedSecretId",
]
