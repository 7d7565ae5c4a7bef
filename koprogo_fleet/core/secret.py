"""A value that cannot be shown by accident."""

from __future__ import annotations

import hmac
from typing import NoReturn

MASK = "***"


class Secret:
    """
    Text that must not be seen: printing, formatting and logging give ``***``; pickling is refused.

    The value leaves only through :meth:`reveal`, so that every place which uses it can be found by one search.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself: for the wire, never for people."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash of a short secret gives it away

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def redact(text: str, *secrets: Secret) -> str:
    """Return *text* with every occurrence of the *secrets* masked, the longest first."""
    for value in sorted((secret.reveal() for secret in secrets if secret), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text
