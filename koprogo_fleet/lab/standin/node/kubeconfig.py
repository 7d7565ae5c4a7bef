"""Kubeconfig files: with the keys inside for people, with file names for components."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from koprogo_fleet.core.files import write_atomically


def for_people(file: Path, *, server: str, ca: Path, certificate: Path, mode: int) -> None:
    """Write the administrator's kubeconfig as K3s does: everything is called ``default``, the keys are inside."""
    user = {
        "client-certificate-data": _encoded(certificate),
        "client-key-data": _encoded(certificate.with_suffix(".key")),
    }
    document = _document({"server": server, "certificate-authority-data": _encoded(ca)}, user)
    write_atomically(file, yaml.safe_dump(document, sort_keys=False), mode=mode)


def for_component(file: Path, *, server: str, ca: Path, certificate: Path) -> Path:
    """Write a component's kubeconfig, which names the files, and return its path."""
    user = {"client-certificate": str(certificate), "client-key": str(certificate.with_suffix(".key"))}
    document = _document({"server": server, "certificate-authority": str(ca)}, user)
    write_atomically(file, yaml.safe_dump(document, sort_keys=False), mode=0o600)
    return file


def _document(cluster: dict[str, str], user: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "default", "cluster": cluster}],
        "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
        "current-context": "default",
        "preferences": {},
        "users": [{"name": "default", "user": user}],
    }


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
