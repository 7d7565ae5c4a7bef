"""Vault's PKI secrets engine: an authority for TLS inside the fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from koprogo_fleet.core.errors import InputError, VaultError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.session import Need, VaultSession


@dataclass(frozen=True)
class Issued:
    """
    A certificate and its key, which Vault does not keep.

    Attributes:
        certificate: in PEM.
        private_key: in PEM.
        chain: the authorities above it, in PEM, the nearest first.
        serial: what it is revoked by, as Vault writes it.
        expires: when it is over.
    """

    certificate: str
    private_key: Secret
    chain: tuple[str, ...]
    serial: str
    expires: datetime


@dataclass(frozen=True)
class Certificate:
    """A certificate that was issued; *revoked* since when, or None."""

    certificate: str
    revoked: datetime | None = None


class PkiAuthority:
    """
    One mount of the PKI engine.

    Args:
        session: may update ``<mount>/issue/<role>`` and ``<mount>/revoke``, and read ``<mount>/cert/…``.
        mount: where the engine is mounted.
    """

    def __init__(self, session: VaultSession, mount: str = "pki") -> None:
        self._session, self.mount = session, mount

    def issue(self, role: str, common_name: str, alt_names: Sequence[str] = (), ttl: timedelta | None = None) -> Issued:
        """
        Return a new key and its certificate. If an answer is lost, another one is issued: the first is known to nobody.

        Args:
            role: of the engine; says which names may be asked for.
            common_name: of the certificate; one of its names, too.
            alt_names: further names and addresses.
            ttl: from now; None is as long as the role gives.

        Raises:
            InputError: a name cannot be written in a certificate.
            VaultRefused: the token may not use the role.
            VaultError: the role does not exist, or does not allow these names or so long a time.
        """
        if bad := [name for name in (common_name, *alt_names) if not name.strip() or "," in name]:
            raise InputError(f"{bad[0]!r} is no name for a certificate")
        data = {
            "common_name": common_name,
            "alt_names": ",".join(name for name in alt_names if not _is_address(name)),
            "ip_sans": ",".join(name for name in alt_names if _is_address(name)),
            "format": "pem",
        }
        if ttl is not None:
            data["ttl"] = f"{ttl.total_seconds():.0f}s"
        path = f"{self.mount}/issue/{role}"
        what = f"issue a certificate for {common_name} with {path}"
        answer = self._session.ask(what, lambda client: client.write_data(path, data=data), Need(path, "update"))
        found = self._data(answer, what)
        return Issued(
            str(found["certificate"]),
            Secret(str(found["private_key"])),
            tuple(found.get("ca_chain") or [found["issuing_ca"]]),
            str(found["serial_number"]),
            datetime.fromtimestamp(int(found["expiration"]), UTC),
        )

    def revoke(self, serial: str) -> None:
        """
        Put a certificate on the authority's list of revoked ones; once more is fine.

        Raises:
            VaultError: it is not known there; or as :meth:`issue`.
        """
        path, data = f"{self.mount}/revoke", {"serial_number": serial}
        self._session.ask(
            f"revoke the certificate {serial} of {self.mount}",
            lambda client: client.write_data(path, data=data),
            Need(path, "update"),
        )

    def read(self, serial: str) -> Certificate | None:
        """
        Return the certificate of that serial, or None; ``ca`` is the authority's own.

        Raises:
            VaultError: as :meth:`issue`.
        """
        path = f"{self.mount}/cert/{serial}"
        what = f"read {path}"
        answer = self._session.ask(what, lambda client: client.read(path), Need(path, "read"))
        if answer is None:
            return None
        data = self._data(answer, what)
        revoked = int(data.get("revocation_time") or 0)
        return Certificate(str(data["certificate"]).strip(), datetime.fromtimestamp(revoked, UTC) if revoked else None)

    def _data(self, answer: Any, what: str) -> Mapping[str, Any]:
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(data, Mapping) or "certificate" not in data:
            raise VaultError(
                f"{what}: Vault at {self._session.address} has nothing there",
                cause="no PKI engine is mounted under that name",
                next_step="vault secrets list; koprogo-fleet vault setup --pki mounts one",
            )
        return data


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
