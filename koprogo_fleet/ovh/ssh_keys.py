"""SSH public keys of a Public Cloud project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from koprogo_fleet.ovh.client import OvhApi


@dataclass(frozen=True)
class SshKey:
    """A public key that instances can be created with; *regions* is where."""

    id: str
    name: str
    public_key: str
    regions: tuple[str, ...]


def list_ssh_keys(api: OvhApi) -> tuple[SshKey, ...]:
    """Return all the keys of the project."""
    return tuple(_ssh_key(item) for item in api.get(api.in_project("/sshkey")))


def create_ssh_key(api: OvhApi, name: str, public_key: str) -> SshKey:
    """Create a key in all regions; *public_key* is an OpenSSH line."""
    return _ssh_key(api.post(api.in_project("/sshkey"), {"name": name, "publicKey": public_key}))


def delete_ssh_key(api: OvhApi, key_id: str) -> None:
    """Delete a key; instances that have it keep it."""
    api.delete(api.in_project(f"/sshkey/{key_id}"))


def _ssh_key(item: dict[str, Any]) -> SshKey:
    return SshKey(
        id=item["id"], name=item["name"], public_key=item["publicKey"], regions=tuple(item.get("regions") or ())
    )
