"""The least that each purpose needs: one policy for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum

from koprogo_fleet.core.fleet import Fleet

ROTATIONS = "rotations"
"""Below the fleet's folder: the records of rotations that are under way."""


class Purpose(StrEnum):
    """What a token is for."""

    PROVISION = "provision"
    ROTATE = "rotate"
    READ = "read"


def policy_name(fleet: Fleet, purpose: Purpose) -> str:
    """Return the name of a policy, which its role has too."""
    return f"{fleet.name}-{purpose}"


def policy_text(fleet: Fleet, purpose: Purpose, pki: tuple[str, str] | None = None) -> str:
    """
    Return a policy as Vault keeps it.

    Args:
        fleet: says which mount and folder its secrets are in, and which engines sign its SSH keys.
        purpose: what a token with the policy is for.
        pki: mount and role that issue its certificates, where there are any.
    """
    lines = [f"# {fleet.name}: {_MEANING[purpose]}. Written by koprogo-fleet vault setup."]
    lines += [
        f'path "{path}" {{ capabilities = {json.dumps(list(allowed))} }}'
        for path, allowed in _rules(fleet, purpose, pki)
    ]
    return "\n".join(lines) + "\n"


_MEANING: Mapping[Purpose, str] = {
    Purpose.PROVISION: "writes the fleet's secrets and has SSH keys signed",
    Purpose.ROTATE: "as provision, issues certificates, and destroys versions that were rotated away",
    Purpose.READ: "reads the fleet's secrets",
}


def _rules(fleet: Fleet, purpose: Purpose, pki: tuple[str, str] | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    mount, folder = fleet.vault.mount, fleet.vault.folder
    if purpose is Purpose.READ:
        yield f"{mount}/data/{folder}/*", ("read",)
        yield f"{mount}/metadata/{folder}/*", ("read", "list")
        return
    yield f"{mount}/data/{folder}/*", ("create", "read", "update")
    if purpose is Purpose.PROVISION:
        yield f"{mount}/metadata/{folder}/*", ("read", "list")
    else:
        yield f"{mount}/metadata/{folder}/*", ("create", "read", "update", "list")
        yield f"{mount}/metadata/{folder}/{ROTATIONS}/*", ("create", "read", "update", "list", "delete")
        yield f"{mount}/destroy/{folder}/*", ("update",)
    certificates = fleet.ssh.certificates
    if certificates is not None:
        for engine in (certificates.user_mount, certificates.host_mount):
            yield f"{engine}/config/ca", ("read",)
            yield f"{engine}/sign/{certificates.role}", ("update",)
    if pki is not None and purpose is Purpose.ROTATE:
        engine, role = pki
        yield f"{engine}/issue/{role}", ("update",)
        yield f"{engine}/revoke", ("update",)
        yield f"{engine}/cert/*", ("read",)
