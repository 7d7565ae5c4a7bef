"""Texts that may be secret."""

from __future__ import annotations

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret


def text_of(value: str | Secret) -> str:
    """Return the text itself."""
    return value.reveal() if isinstance(value, Secret) else value


def check_text(path: str, value: str | Secret) -> None:
    """Raise InputError unless UTF-8 has a form for *value*, which goes to *path*; Python's own error would quote it."""
    if any("\ud800" <= character <= "\udfff" for character in text_of(value)):
        raise InputError(
            f"what goes into {path} holds half a surrogate pair, which UTF-8 has no form for",
            cause="it was read from bytes that are no UTF-8, or from a broken JSON escape",
        )
