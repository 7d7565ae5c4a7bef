"""A real OpenBao with a PKI engine: a root, an authority between it and the certificates, and a role."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import hvac  # type: ignore[import-untyped]

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao.keys import KeyFile
from koprogo_fleet.lab.paths import LabPaths

ROOT, MOUNT, ROLE = "pki-root", "pki", "server"


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and the authorities above it."""

    certificate: str
    private_key: Secret
    chain: tuple[str, ...]


@dataclass
class Engine:
    """The engine, as the kind asks for it."""

    client: Any
    issued: int = 0

    def issue(self, role: str, common_name: str, alt_names: Sequence[str] = (), ttl: timedelta | None = None) -> Issued:
        """Have a certificate issued."""
        self.issued += 1
        addresses = [name for name in alt_names if name[0].isdigit()]
        names = [name for name in alt_names if name not in addresses]
        data = {"common_name": common_name, "alt_names": ",".join(names), "ip_sans": ",".join(addresses)}
        if ttl is not None:
            data["ttl"] = f"{ttl.total_seconds():.0f}s"
        found = self.client.write_data(f"{MOUNT}/issue/{role}", data=data)["data"]
        return Issued(found["certificate"], Secret(found["private_key"]), tuple(found["ca_chain"]))

    def revoke(self, serial: str) -> None:
        """Revoke one."""
        self.client.write_data(f"{MOUNT}/revoke", data={"serial_number": serial})

    def revoked(self, serial: str) -> bool:
        """Say whether one is revoked."""
        return bool(self.client.read(f"{MOUNT}/cert/{serial}")["data"]["revocation_time"])


@contextmanager
def pki(paths: LabPaths) -> Iterator[Engine]:
    """Yield the engine of a server that runs meanwhile."""
    endpoint = openbao.ensure_running(paths)
    try:
        keys = KeyFile(paths.root / "openbao" / "keys.json").read()
        assert keys is not None
        client = hvac.Client(endpoint.address, keys.root_token.reveal(), verify=str(endpoint.ca))
        for mount in (ROOT, MOUNT):
            client.sys.enable_secrets_engine("pki", mount, config={"max_lease_ttl": "87600h"})
        key = {"key_type": "ec", "key_bits": 256}
        client.write_data(
            f"{ROOT}/root/generate/internal", data={"common_name": "root", "issuer_name": "root", "ttl": "8760h", **key}
        )
        asked = client.write_data(f"{MOUNT}/intermediate/generate/internal", data={"common_name": "between", **key})
        signed = client.write_data(
            f"{ROOT}/root/sign-intermediate",
            data={"csr": asked["data"]["csr"], "common_name": "between", "ttl": "4380h"},
        )["data"]
        client.write_data(f"{MOUNT}/intermediate/set-signed", data={"certificate": "\n".join(signed["ca_chain"])})
        client.write_data(
            f"{MOUNT}/roles/{ROLE}",
            data={"allowed_domains": "example.org", "allow_subdomains": True, "max_ttl": "72h", **key},
        )
        yield Engine(client)
    finally:
        openbao.stop(paths)
