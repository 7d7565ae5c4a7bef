"""Values that are no secrets: everybody knows them, or soon guesses them."""

from __future__ import annotations

from collections.abc import Mapping

from koprogo_fleet.core.errors import WeakSecret
from koprogo_fleet.secrets.spec import SecretSpec, Values

SHORTEST = 8
"""Characters. Below that, all of them are tried in an afternoon (NIST SP 800-63B, 5.1.1.2, has the same limit)."""

KNOWN: Mapping[str, str] = {
    "koprogo123": "it is in the documents of KoproGo",
    "koprogo": "it is the name of the product",
    "changeme": "it is a placeholder",
    "change-me": "it is a placeholder",
    "change_me": "it is a placeholder",
    "replaceme": "it is a placeholder",
    "placeholder": "it is a placeholder",
    "todo": "it is a placeholder",
    "example": "it is a placeholder",
    "secret": "it is a default of many programs",
    "password": "it is the first that is tried",
    "password1": "it is among the first that are tried",
    "password123": "it is among the first that are tried",
    "passw0rd": "it is among the first that are tried",
    "p@ssw0rd": "it is among the first that are tried",
    "admin": "it is a default of many programs",
    "administrator": "it is a default of many programs",
    "admin123": "it is among the first that are tried",
    "root": "it is a default of many programs",
    "postgres": "it is a default of PostgreSQL's images",
    "minioadmin": "it is the default of MinIO",
    "guest": "it is the default of RabbitMQ",
    "12345678": "it is among the first that are tried",
    "123456789": "it is among the first that are tried",
    "1234567890": "it is among the first that are tried",
    "qwertyuiop": "it is among the first that are tried",
    "letmein": "it is among the first that are tried",
}
"""What people and programs leave behind, and why it is refused; compared without regard to case."""


def why_weak(value: str) -> str | None:
    """Return why *value* is no secret, in words that do not show it; None where nothing speaks against it."""
    plain = value.strip().lower()
    if reason := KNOWN.get(plain):
        return reason
    if len(value) < SHORTEST:
        return f"it has fewer than {SHORTEST} characters"
    if len(set(plain)) == 1:
        return "it is one character again and again"
    return None


def refuse_weak(spec: SecretSpec, values: Values) -> None:
    """
    Do nothing, unless a field that a person could have chosen has a value that is no secret.

    Raises:
        WeakSecret: names the secret and the field, never the value.
    """
    for field in spec.CHOSEN:
        if field in values and (reason := why_weak(values[field].reveal())):
            raise WeakSecret(
                f"the secret {spec.name} is refused: of its {field} in Vault ({spec.vault.path}, "
                f"{spec.vault_key(field)}), {reason}",
                cause="somebody wrote a default or a placeholder, and it was never replaced",
                next_step=f"koprogo-fleet secrets rotate {spec.name}, or write a better one to Vault",
            )
