"""What looks like a secret among values is told, and never repeated."""

from __future__ import annotations

from typing import Any

import pytest

from koprogo_fleet.helm.plain_secrets import plain_secrets

NAMES = frozenset({"database"})


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"password": "hunter2"}, ("password",)),
        ({"auth": {"rootPassword": "hunter2"}}, ("auth", "rootPassword")),
        ({"s3": {"secret_key": "hunter2"}}, ("s3", "secret_key")),
        ({"apiKey": "hunter2"}, ("apiKey",)),
        ({"token": 12345}, ("token",)),
        ({"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}, ("env", 0, "value")),
        ({"url": "postgres://api:hunter2@db/api"}, ("url",)),
        ({"key": "-----BEGIN PRIVATE KEY-----\nhunter2"}, ("key",)),
        ({"existingSecret": "unknown"}, ("existingSecret",)),
        ({"backupTargetCredentialSecret": "unknown"}, ("backupTargetCredentialSecret",)),
    ],
)
def test_refused(values: dict[str, Any], place: tuple[str | int, ...]) -> None:
    """The place is told, with what to do instead, and without the value."""
    ((found, message),) = plain_secrets(values, NAMES)

    assert place == found
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "values",
    [
        {"password": ""},
        {"automountServiceAccountToken": False},
        {"existingSecret": "database"},
        {"password": "database"},
        {"secretName": "api-tls"},
        {"passwordKey": "DATABASE_PASSWORD"},
        {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "DB_PASSWORD"}}}]},
        {"url": "https://example.org/a:b@c"},
        {"tokenTtl": "1h"},
    ],
)
def test_allowed(values: dict[str, Any]) -> None:
    """Names of Secrets, their keys, switches and empty defaults are no secrets."""
    assert [] == list(plain_secrets(values, NAMES))
