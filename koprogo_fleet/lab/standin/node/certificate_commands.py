"""
``k3s certificate check`` and ``rotate``: the leaf certificates on this node's disk, by service.

K3s' source: pkg/cli/cert/cert.go (what is printed, backed up and removed) and pkg/util/services/services.go (which files
belong to which service).
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.standin.node import admin_flags
from koprogo_fleet.lab.standin.node.certificates import RENEW_DAYS, end_of
from koprogo_fleet.lab.standin.node.keys import Kind
from koprogo_fleet.lab.standin.node.layout import Layout
from koprogo_fleet.lab.standin.node.log import log

AGENT: Mapping[str, tuple[str, ...]] = {
    "kube-proxy": ("agent/client-kube-proxy",),
    "kubelet": ("agent/client-kubelet", "agent/serving-kubelet"),
    "k3s-controller": (),
}
SERVER: Mapping[str, tuple[str, ...]] = {
    "api-server": ("server/tls/client-kube-apiserver", "server/tls/serving-kube-apiserver"),
    "admin": ("server/tls/client-admin",),
    "auth-proxy": ("server/tls/client-auth-proxy",),
    "cloud-controller": (),
    "controller-manager": ("server/tls/client-controller",),
    "etcd": ("server/tls/etcd/client", "server/tls/etcd/server-client", "server/tls/etcd/peer-server-client"),
    "scheduler": ("server/tls/client-scheduler",),
    "supervisor": ("server/tls/client-supervisor",),
    "k3s-server": (),
}
_KINDS = {"data-dir": Kind.TEXT, "service": Kind.LIST, "output": Kind.TEXT}
_SHORT = {"d": "data-dir", "s": "service", "o": "output"}


def certificate(name: str, arguments: Sequence[str]) -> None:
    """
    Run ``k3s certificate`` *name*.

    Raises:
        InputError: an unknown command, flag, service or form.
    """
    if name not in {"check", "rotate"}:
        raise InputError(f"No help topic for '{name}'")
    kinds = dict(_KINDS) if name == "check" else {key: kind for key, kind in _KINDS.items() if key != "output"}
    flags = admin_flags.parse(arguments, kinds, _SHORT)
    layout = Layout(Path(flags.text("data-dir"))) if flags.text("data-dir") else Layout()
    services = _services(layout, flags.lists.get("service", ()), rotate=name == "rotate")
    if name == "check":
        _print(list(_found(layout, services)), flags.text("output", "text"))
    else:
        _rotate(layout, services)


def _services(layout: Layout, named: Sequence[str], *, rotate: bool) -> list[str]:
    known = {**SERVER, **AGENT}
    for name in named:
        if name not in known:
            raise InputError(f"service {name} is not recognized")
    if named:
        return list(named)
    doing = "rotating" if rotate else "checking"
    if (layout.data_dir / "server").exists():
        log.info("Server detected, %s agent and server certificates", doing)
        return list(known)
    log.info("Agent detected, %s agent certificates", doing)
    return list(AGENT)


def _files(layout: Layout, services: Sequence[str]) -> Iterator[Path]:
    for service in services:
        for name in {**SERVER, **AGENT}[service]:
            yield layout.data_dir / f"{name}.crt"


def _found(layout: Layout, services: Sequence[str]) -> Iterator[tuple[Path, x509.Certificate]]:
    for file in _files(layout, services):
        if file.exists():
            for pem in file.read_bytes().split(b"-----BEGIN CERTIFICATE-----")[1:]:
                yield file, x509.load_pem_x509_certificate(b"-----BEGIN CERTIFICATE-----" + pem)


def _print(found: Sequence[tuple[Path, x509.Certificate]], form: str) -> None:
    rows = [_row(file, item) for file, item in found]
    match form:
        case "text":
            for row in rows:
                state = {
                    "OK": "is ok, expires at",
                    "WARNING": f"will expire within {RENEW_DAYS} days at",
                    "EXPIRED": "expired at",
                }[row["Status"]]
                log.info(
                    "%s: certificate %s (%s) %s %s", row["Filename"], row["Subject"], row["Usages"], state, row["When"]
                )
        case "table":
            head = ("Filename", "Subject", "Usages", "When", "Status")
            sys.stdout.write("\n" + "   ".join(name.upper() for name in head) + "\n")
            sys.stdout.writelines("   ".join(row[name] for name in head) + "\n" for row in rows)
        case "json":
            listed = [
                {**{key: row[key] for key in ("Filename", "Subject", "Issuer", "Status")}, "ExpiryTime": row["When"]}
                | {"Usages": row["Usages"].split(",")}
                for row in rows
            ]
            sys.stdout.write(json.dumps({"Certificates": listed}) + "\n")
        case _:
            raise InputError(f"invalid output format {form}")


def _row(file: Path, item: x509.Certificate) -> dict[str, str]:
    end, now = end_of(item), dt.datetime.now(dt.UTC)
    left = end - now
    status = "EXPIRED" if left < dt.timedelta() else "WARNING" if left < dt.timedelta(days=RENEW_DAYS) else "OK"
    return {
        "Filename": file.name,
        "Subject": _common_name(item.subject),
        "Issuer": _common_name(item.issuer),
        "Usages": ",".join(_usages(item)),
        "When": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Status": status,
    }


def _common_name(name: x509.Name) -> str:
    return "".join(str(item.value) for item in name.get_attributes_for_oid(NameOID.COMMON_NAME))


def _usages(item: x509.Certificate) -> Iterator[str]:
    if item.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
        yield "CertSign"
        return
    uses = item.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if ExtendedKeyUsageOID.CLIENT_AUTH in uses:
        yield "ClientAuth"
    if ExtendedKeyUsageOID.SERVER_AUTH in uses:
        yield "ServerAuth"


def _rotate(layout: Layout, services: Sequence[str]) -> None:
    """Copy what is there, then remove the leafs and their keys: the next start makes new ones."""
    server = layout.data_dir / "server"
    backup = (server if server.exists() else layout.agent) / f"tls-{int(time.time())}"
    if layout.tls.exists():
        shutil.copytree(layout.tls, backup, dirs_exist_ok=True)
    files = list(_files(layout, services))
    for file in (part for crt in files for part in (crt, crt.with_suffix(".key")) if part.exists()):
        if file.is_relative_to(layout.agent):
            backup.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy2(file, backup / file.name)
    for service in services:
        log.info("Rotating certificates for %s", service)
    for file in files:
        file.unlink(missing_ok=True)
        file.with_suffix(".key").unlink(missing_ok=True)
    log.info(
        "Successfully backed up certificates to %s, please restart k3s server or agent to rotate certificates", backup
    )
