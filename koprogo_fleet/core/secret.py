"""A value that cannot be shown by accident."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn, SupportsIndex, final

MASK = "***"


@final
class Secret:
    """
    Text that must not be seen: printing, formatting and logging give ``***``; copying and pickling are refused.

    The value leaves only through :meth:`reveal`, so that every place which uses it can be found by one search. It is
    held by a closure and not by an attribute: what shows all the members of an object (a debugger, a crash reporter,
    ``rich.inspect``) finds a function.

    Raises:
        TypeError: the value is not text.
    """

    __slots__ = ("_held",)
    _held: Callable[[], str]

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a Secret is made of text, not of {type(value).__name__}")
        self._held = lambda: value

    def reveal(self) -> str:
        """Return the value itself: for the wire, never for people."""
        return self._held()

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self), _bytes(other))

    __hash__ = None  # type: ignore[assignment]  # a hash of a short secret gives it away

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode(errors="surrogatepass")  # a UnicodeEncodeError carries the whole value along


def redact(text: str, *secrets: Secret) -> str:
    """Return *text* with every occurrence of the *secrets* masked, the longest first."""
    for value in sorted((secret.reveal() for secret in secrets if secret), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text
