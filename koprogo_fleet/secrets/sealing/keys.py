"""The controller's keys: Secrets of its namespace, each with a private key and the certificate to seal with."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.kube import Cluster
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate

KEY_LABEL = "sealedsecrets.bitnami.com/sealed-secrets-key"
PREFIX = "sealed-secrets-key"
BITS = 4096
LIFE = timedelta(days=3650)
SECOND = timedelta(seconds=1)
TYPE = "kubernetes.io/tls"


class State(StrEnum):
    """What the label of a key says; the controller loads active ones only."""

    ACTIVE = "active"
    RETIRED = "compromised"
    """The controller's own word for a key that must not be used any more, for whatever reason."""


@dataclass(frozen=True)
class SealingKey:
    """One key. *pem* is its private half."""

    name: str
    namespace: str
    state: State
    certificate: SealingCertificate
    pem: Secret

    @classmethod
    def of(cls, secret: Mapping[str, Any]) -> SealingKey:
        """
        Read a Secret's manifest.

        Raises:
            InputError: it holds no RSA key, or one that is not its certificate's.
        """
        metadata, data = secret["metadata"], secret.get("data") or {}
        name = metadata["name"]
        try:
            certificate = SealingCertificate.parse(base64.b64decode(data["tls.crt"], validate=True).decode())
            key = cls(
                name,
                metadata["namespace"],
                State(metadata["labels"][KEY_LABEL]),
                certificate,
                Secret(base64.b64decode(data["tls.key"], validate=True).decode()),
            )
            fits = key.private.public_key() == certificate.key
        except (LookupError, ValueError, binascii.Error) as error:
            raise InputError(
                f"the Secret {name} is labelled as a sealing key, and holds none: {type(error).__name__}"
            ) from None  # what is chained may show the key
        if not fits:
            raise InputError(f"the private key of the Secret {name} is not that of its certificate")
        return key

    @cached_property
    def private(self) -> rsa.RSAPrivateKey:
        """The private key; that it fits its certificate is seen to when it is read."""
        key = serialization.load_pem_private_key(
            self.pem.reveal().encode(),
            password=None,
            unsafe_skip_rsa_key_validation=True,  # a third of a second each; a broken one opens nothing, and is told
        )
        if not isinstance(key, rsa.RSAPrivateKey):
            raise InputError(f"the private key of the Secret {self.name} is not an RSA key")
        return key

    @property
    def fingerprint(self) -> str:
        """That of its certificate: two Secrets may hold the same key."""
        return self.certificate.fingerprint

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint})"

    def manifest(self) -> dict[str, Any]:
        """Return the Secret, to be applied."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": {KEY_LABEL: str(self.state)}},
            "type": TYPE,
            "data": {
                "tls.crt": base64.b64encode(self.certificate.pem.encode()).decode(),
                "tls.key": base64.b64encode(self.pem.reveal().encode()).decode(),
            },
        }

    def document(self) -> Secret:
        """Return :meth:`manifest` as a text that kubectl applies, too."""
        return Secret(json.dumps(self.manifest(), sort_keys=True))


def read_keys(cluster: Cluster, namespace: str) -> tuple[SealingKey, ...]:
    """
    Return the controller's keys, the newest first; retired ones after all that are active.

    Raises:
        KubernetesError: one cannot be read.
    """
    found = cluster.all_of("v1", "Secret", namespace, {KEY_LABEL: [str(state) for state in State]})
    try:
        return in_order(map(SealingKey.of, found))
    except InputError as error:
        raise KubernetesError(
            error.seen,
            cause="it was changed by hand, or cut short",
            next_step=f"kubectl --namespace {namespace} get secrets --selector {KEY_LABEL}",
        ) from error


def in_order(keys: Iterable[SealingKey]) -> tuple[SealingKey, ...]:
    """Return *keys* as the controller prefers them: by the time since which their certificates are valid."""
    newest_first = sorted(keys, key=lambda key: key.certificate.begins, reverse=True)
    return tuple(sorted(newest_first, key=lambda key: key.state is not State.ACTIVE))


def active(keys: Iterable[SealingKey]) -> tuple[SealingKey, ...]:
    """Return those of *keys* that the controller loads, in their order."""
    return tuple(key for key in keys if key.state is State.ACTIVE)


def make_key(namespace: str, after: SealingKey | None) -> SealingKey:
    """
    Make a key as the controller does.

    Args:
        namespace: the controller's.
        after: the newest key there: the new one begins later, so that it is preferred.
    """
    private = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    begins = datetime.now(UTC).replace(microsecond=0)
    if after is not None:
        begins = max(begins, after.certificate.begins + SECOND)
    name = x509.Name([]) if after is None else _issuer(after)
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_cert_sign",
            "crl_sign",
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(**usage, key_agreement=True, encipher_only=True, decipher_only=False), critical=True
        )
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    suffix = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(5))
    text = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return SealingKey(
        f"{PREFIX}{suffix}", namespace, State.ACTIVE, SealingCertificate.parse(text), Secret(pem.decode())
    )


def _issuer(key: SealingKey) -> x509.Name:
    """Return the name that the controller gave itself in its last certificate."""
    return x509.load_pem_x509_certificate(key.certificate.pem.encode()).issuer
