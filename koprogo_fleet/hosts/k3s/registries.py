"""``/etc/rancher/k3s/registries.yaml``: mirrors, and how registries are spoken to (docs.k3s.io, "Private Registry")."""

from __future__ import annotations

import json
from collections.abc import Mapping

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.k3s_section import Registries, RegistryAccess
from koprogo_fleet.core.secret import Secret

HEADER = "# Written by koprogo-fleet. Changes made by hand are undone by the next run.\n"
WAYS = (("username", "password"), ("auth",), ("token",))
"""What Vault has of a registry: one of these sets of keys. K3s calls the last one ``identity_token``."""

_K3S_NAMES = {"token": "identity_token"}


def registries(section: Registries, credentials: Mapping[str, Mapping[str, Secret]]) -> str | Secret:
    """
    Return the file's text; a Secret where it holds any credentials. JSON is YAML, and quotes itself.

    Raises:
        InputError: what Vault has of a registry are no credentials.
    """
    document: dict[str, object] = {}
    if section.mirrors:
        document["mirrors"] = {
            name: {"endpoint": list(mirror.endpoint)} | ({"rewrite": mirror.rewrite} if mirror.rewrite else {})
            for name, mirror in section.mirrors.items()
        }
    if section.access:
        document["configs"] = {
            host: _access(access, _chosen(host, access, credentials)) for host, access in section.access.items()
        }
    text = HEADER + json.dumps(document, indent=2, sort_keys=True) + "\n"
    return Secret(text) if any(access.vault for access in section.access.values()) else text


def _access(access: RegistryAccess, auth: Mapping[str, str]) -> dict[str, object]:
    tls: dict[str, object] = {}
    if access.ca_file:
        tls["ca_file"] = access.ca_file
    if access.insecure_skip_verify:
        tls["insecure_skip_verify"] = True
    return ({"auth": dict(auth)} if auth else {}) | ({"tls": tls} if tls else {})


def _chosen(host: str, access: RegistryAccess, credentials: Mapping[str, Mapping[str, Secret]]) -> Mapping[str, str]:
    if access.vault is None:
        return {}
    known = credentials.get(host, {})
    for way in WAYS:
        if all(known.get(name) for name in way):
            return {_K3S_NAMES.get(name, name): known[name].reveal() for name in way}
    raise InputError(
        f"Vault secret {access.vault}: no credentials of the registry {host}",
        cause=f"it has {', '.join(sorted(known)) or 'nothing'}, and not username and password, nor auth, nor token",
        next_step=f"put username and password there: bao kv put …/{access.vault} username=… password=-",
    )
