"""
A TLS certificate and its key from Vault's PKI engine.

Vault keeps no key that it gives out: of a run that is killed between its answer and our writing, a certificate is left whose key
nobody has. Nothing has to be cleared up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Literal

from cryptography import x509
from pydantic import Field

from koprogo_fleet.core.duration import Duration
from koprogo_fleet.core.errors import ProofFailed
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.backend.certificates import canonical, flaws, is_own, serial_of
from koprogo_fleet.secrets.kinds.kind import Change, Origin, Tools
from koprogo_fleet.secrets.kinds.lent import authority
from koprogo_fleet.secrets.kinds.lifetime import Lifetime
from koprogo_fleet.secrets.kinds.quiet import Quiet
from koprogo_fleet.secrets.spec import SecretSpec, SecretType, Target, Values, VaultPath

CERTIFICATE, PRIVATE_KEY, CA = "certificate", "private-key", "ca"
_KEYS = {CERTIFICATE: "tls.crt", PRIVATE_KEY: "tls.key", CA: "ca.crt"}


class TlsCertificateSpec(SecretSpec):
    """What is asked for."""

    FIELDS: ClassVar[tuple[str, ...]] = (CERTIFICATE, PRIVATE_KEY, CA)
    TYPE: ClassVar[SecretType] = "kubernetes.io/tls"

    kind: Literal["tls-certificate"]
    mount: VaultPath = "pki"
    role: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="a role of the PKI engine", examples=["server"])
    common_name: str = Field(
        pattern=r"^[A-Za-z0-9*][A-Za-z0-9.*-]*$", description="a host name", examples=["api.example.org"]
    )
    alt_names: tuple[str, ...] = Field(default=(), description="a list of host names and addresses")
    ttl: Duration | None = None

    @property
    def names(self) -> Sequence[str]:
        """All that it has to be valid for."""
        return [canonical(name) for name in (self.common_name, *self.alt_names)]

    def target_keys(self, target: Target) -> Mapping[str, str]:
        """Return the fields that *target* holds: under the keys that Kubernetes wants, unless it names others."""
        return target.keys or _KEYS


class TlsCertificate(Quiet[TlsCertificateSpec]):
    """Both certificates are valid until the former one is revoked."""

    name = "tls-certificate"
    spec = TlsCertificateSpec
    origin = Origin.ELSEWHERE

    def create(self, spec: TlsCertificateSpec, change: Change, tools: Tools) -> Values:
        """Have one issued, unless there is one; the authorities between it and the last one go with it."""
        if change.new:
            return change.new
        issued = authority(tools, spec.mount).issue(spec.role, spec.common_name, list(spec.alt_names), spec.ttl)
        parts = [issued.certificate, *(one for one in issued.chain if not is_own(one))]
        return {
            CERTIFICATE: Secret("".join(f"{part.strip()}\n" for part in parts)),
            PRIVATE_KEY: Secret(f"{issued.private_key.reveal().strip()}\n"),
            CA: Secret(f"{issued.chain[-1].strip()}\n"),
        }

    def prove(self, spec: TlsCertificateSpec, values: Values, _tools: Tools) -> None:
        """Look whether the key fits, the chain leads to the authority, and the names and the time are right."""
        certificate, key, ca = (values.get(field, Secret("")) for field in self.spec.FIELDS)
        if found := list(flaws(certificate.reveal(), key, ca.reveal(), spec.names, datetime.now(UTC))):
            raise ProofFailed(
                f"the certificate {spec.name} cannot be used: {'; '.join(found)}",
                cause="the role in Vault gives other names or a shorter time, or this machine's clock is wrong",
                next_step=f"vault read {spec.mount}/roles/{spec.role}",
            )

    def revoke(self, spec: TlsCertificateSpec, change: Change, tools: Tools) -> None:
        """Revoke the former one; one of another authority is left to whoever can."""
        if change.former and change.former.get(CA) != change.new.get(CA):
            tools.listener(Note(f"{spec.name}: the former certificate is of another authority: revoke it there"))
            return
        self._revoke(spec, change.former, tools)

    def discard(self, spec: TlsCertificateSpec, change: Change, tools: Tools) -> None:
        """Revoke the new one."""
        self._revoke(spec, change.new, tools)

    def lifetime(self, values: Values) -> Lifetime | None:
        """Return from when until when the certificate is valid."""
        leaf = _leaf(values)
        return Lifetime(leaf.not_valid_before_utc, leaf.not_valid_after_utc) if leaf else None

    def _revoke(self, spec: TlsCertificateSpec, values: Values, tools: Tools) -> None:
        leaf = _leaf(values)
        if leaf is not None and leaf.not_valid_after_utc > datetime.now(UTC):  # Vault forgets those that are over
            authority(tools, spec.mount).revoke(serial_of(leaf))


def _leaf(values: Values) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(values.get(CERTIFICATE, Secret("")).reveal().encode())
    except ValueError:
        return None
