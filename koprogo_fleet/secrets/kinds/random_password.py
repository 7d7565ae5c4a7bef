"""A password that nobody chose, and that no server but its readers knows."""

from __future__ import annotations

import secrets
import string
from enum import StrEnum
from typing import Literal

from pydantic import Field

from koprogo_fleet.core.model import Whole
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds.kind import Origin
from koprogo_fleet.secrets.kinds.quiet import Quiet
from koprogo_fleet.secrets.spec import VALUE, SecretSpec, Values


class Alphabet(StrEnum):
    """What a password is made of. The first needs no quoting anywhere."""

    LETTERS_AND_DIGITS = "letters-and-digits"
    HEXADECIMAL = "hexadecimal"
    PRINTABLE = "printable"


CHARACTERS = {
    Alphabet.LETTERS_AND_DIGITS: string.ascii_letters + string.digits,
    Alphabet.HEXADECIMAL: "0123456789abcdef",
    Alphabet.PRINTABLE: string.ascii_letters + string.digits + string.punctuation,
}


class RandomPasswordSpec(SecretSpec):
    """So many characters of an alphabet."""

    OVERLAPS = False

    kind: Literal["random-password"]
    length: Whole = Field(default=32, ge=16, le=4096, description="a length from 16 to 4096 characters", examples=[32])
    alphabet: Alphabet = Field(
        default=Alphabet.LETTERS_AND_DIGITS, description="letters-and-digits, hexadecimal or printable"
    )


class RandomPassword(Quiet[RandomPasswordSpec]):
    """The readers of the Secret are all there is: what they are proven by is that they run with it."""

    name = "random-password"
    spec = RandomPasswordSpec
    origin = Origin.HERE

    def make(self, spec: RandomPasswordSpec, _former: Values) -> Values:
        """Choose a new one."""
        return {VALUE: random_password(spec.length, spec.alphabet)}


def random_password(length: int = 32, alphabet: Alphabet = Alphabet.LETTERS_AND_DIGITS) -> Secret:
    """Return *length* characters, each chosen from *alphabet* by the system's cryptographic source."""
    return Secret("".join(secrets.choice(CHARACTERS[alphabet]) for _ in range(length)))
