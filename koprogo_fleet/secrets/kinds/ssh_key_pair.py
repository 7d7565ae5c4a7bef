"""A pair of SSH keys in OpenSSH's format."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from pydantic import Field

from koprogo_fleet.core.errors import ProofFailed
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds.kind import Origin, Tools
from koprogo_fleet.secrets.kinds.quiet import Quiet
from koprogo_fleet.secrets.spec import SecretSpec, Values

PRIVATE, PUBLIC = "private-key", "public-key"
RSA_BITS = 4096


class Algorithm(StrEnum):
    """Of which sort the keys are."""

    ED25519 = "ed25519"
    RSA = "rsa"


class SshKeyPairSpec(SecretSpec):
    """Keys, and what is written behind the public one."""

    FIELDS: ClassVar[tuple[str, ...]] = (PRIVATE, PUBLIC)

    kind: Literal["ssh-key-pair"]
    algorithm: Algorithm = Field(default=Algorithm.ED25519, description="ed25519 or rsa (4096 bits)")
    comment: str = Field(default="", pattern=r"^[\x20-\x7e]*$", description="printable ASCII", examples=["deploy"])


class SshKeyPair(Quiet[SshKeyPairSpec]):
    """Its readers put the public key where it belongs: what they are proven by is that they run with it."""

    name = "ssh-key-pair"
    spec = SshKeyPairSpec
    origin = Origin.HERE

    def make(self, spec: SshKeyPairSpec, _former: Values) -> Values:
        """Make both."""
        if spec.algorithm is Algorithm.RSA:
            key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey = rsa.generate_private_key(65537, RSA_BITS)
        else:
            key = ed25519.Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return {
            PRIVATE: Secret(private.decode()),
            PUBLIC: Secret(f"{public.decode()} {spec.comment or spec.name}\n"),
        }

    def prove(self, spec: SshKeyPairSpec, values: Values, _tools: Tools) -> None:
        """Look whether the two belong together."""
        try:
            key = serialization.load_ssh_private_key(values[PRIVATE].reveal().encode(), None)
            public = serialization.load_ssh_public_key(values[PUBLIC].reveal().encode())
        except (KeyError, ValueError, TypeError, UnsupportedAlgorithm):
            # Not chained: the library's error may show what it could not read.
            raise ProofFailed(f"{spec.name}: there is no pair of SSH keys in OpenSSH's format") from None
        if key.public_key() != public:
            raise ProofFailed(f"{spec.name}: the public key is not the private key's")
