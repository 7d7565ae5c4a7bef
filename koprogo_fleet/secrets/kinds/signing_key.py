"""A key that signs what is verified with the same key: HMAC, or JWT's HS256. The former one still verifies for a while."""

from __future__ import annotations

import base64
import secrets
from enum import StrEnum
from typing import Literal

from pydantic import Field

from koprogo_fleet.core.model import Whole
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds.kind import Change, Origin
from koprogo_fleet.secrets.kinds.quiet import Quiet
from koprogo_fleet.secrets.spec import SecretSpec, Values

CURRENT, PREVIOUS = "current", "previous"


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


class SigningKey(Quiet[SigningKeySpec]):
    """No server knows it but its readers: what they are proven by is that they run with it."""

    name = "signing-key"
    spec = SigningKeySpec
    origin = Origin.HERE

    def make(self, spec: SigningKeySpec, former: Values) -> Values:
        """Choose a new key; the former one still verifies."""
        new = _written(secrets.token_bytes(spec.bytes), spec.encoding)
        return {CURRENT: new, PREVIOUS: former.get(CURRENT, new)}

    def last(self, _spec: SigningKeySpec, change: Change) -> Values:
        """The new key alone: what was signed with the former one is not valid any more."""
        return {CURRENT: change.new[CURRENT], PREVIOUS: change.new[CURRENT]}


def _written(key: bytes, encoding: Encoding) -> Secret:
    match encoding:
        case Encoding.BASE64URL:
            return Secret(base64.urlsafe_b64encode(key).decode().rstrip("="))
        case Encoding.BASE64:
            return Secret(base64.b64encode(key).decode())
        case Encoding.HEXADECIMAL:
            return Secret(key.hex())
