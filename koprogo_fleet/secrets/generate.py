"""Values that nobody chose."""

from __future__ import annotations

import secrets
import string

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.model import Alphabet, SecretSpec

CHARACTERS = {
    Alphabet.LETTERS_AND_DIGITS: string.ascii_letters + string.digits,
    Alphabet.HEXADECIMAL: "0123456789abcdef",
    Alphabet.PRINTABLE: string.ascii_letters + string.digits + string.punctuation,
}


def generate(spec: SecretSpec) -> Secret:
    """Make a new value of the kind that *spec* asks for."""
    return random_password(spec.length, spec.alphabet)


def random_password(length: int = 32, alphabet: Alphabet = Alphabet.LETTERS_AND_DIGITS) -> Secret:
    """Return *length* characters, each chosen from *alphabet* by the system's cryptographic source."""
    return Secret("".join(secrets.choice(CHARACTERS[alphabet]) for _ in range(length)))
