"""A key that signs what is verified with the same key: HMAC, or JWT's HS256. The former one still verifies for a while."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from koprogo_fleet.core.model import Whole
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds.kind import Change, Origin, Tools
from koprogo_fleet.secrets.spec import SecretSpec, Values

CURRENT, PREVIOUS = "current", "previous"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Encoding(StrEnum):
    """How the key's bytes are written."""

    BASE64URL = "base64url"
    BASE64 = "base64"
    HEXADECIMAL = "hexadecimal"


class SigningKeySpec(SecretSpec):
    """
    So many random bytes. Who signs uses ``current``; who verifies accepts ``current`` and ``previous``.

    Outside of an overlap both are the same: an empty key, which anybody could sign with, is never there.
    """

    FIELDS = (CURRENT, PREVIOUS)
    CHOSEN = (CURRENT, PREVIOUS)

    kind: Literal["signing-key"]
    bytes: Whole = Field(default=32, ge=32, le=128, description="a number of bytes from 32 to 128")
    encoding: Encoding = Field(default=Encoding.BASE64URL, description="base64url, base64 or hexadecimal")


class SigningKey:
    """No server knows it but its readers: what they are proven by is that they run with it."""

    name = "signing-key"
    spec = SigningKeySpec
    origin = Origin.HERE

    def begin(self, _spec: SigningKeySpec, _change: Change, _tools: Tools) -> Mapping[str, str]:
        """Nothing has to be looked at."""
        return _NOTHING

    def make(self, spec: SigningKeySpec, former: Values) -> Values:
        """Choose a new key; the former one still verifies."""
        new = _written(secrets.token_bytes(spec.bytes), spec.encoding)
        return {CURRENT: new, PREVIOUS: former.get(CURRENT, new)}

    def create(self, _spec: SigningKeySpec, change: Change, _tools: Tools) -> Values:
        """No server has to learn of it."""
        return change.new

    def prove(self, _spec: SigningKeySpec, _values: Values, _tools: Tools) -> None:
        """No server could be asked."""

    def last(self, _spec: SigningKeySpec, change: Change) -> Values:
        """The new key alone: what was signed with the former one is not valid any more."""
        return {CURRENT: change.new[CURRENT], PREVIOUS: change.new[CURRENT]}

    def revoke(self, _spec: SigningKeySpec, _change: Change, _tools: Tools) -> None:
        """No server knows it."""

    def discard(self, _spec: SigningKeySpec, _change: Change, _tools: Tools) -> None:
        """No server knows it."""


def _written(key: bytes, encoding: Encoding) -> Secret:
    match encoding:
        case Encoding.BASE64URL:
            return Secret(base64.urlsafe_b64encode(key).decode().rstrip("="))
        case Encoding.BASE64:
            return Secret(base64.b64encode(key).decode())
        case Encoding.HEXADECIMAL:
            return Secret(key.hex())
