"""The fleet's SSH key, which new instances know."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.ssh_keys import SshKey, create_ssh_key, delete_ssh_key, list_ssh_keys
from koprogo_fleet.provision.kind import Existing, Kind, Refuse, Wanted
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

SSH_KEYS = Listing("SSH keys", lambda api, _fleet, _lists: list_ssh_keys(api))


def ssh_key_name(fleet: Fleet) -> str:
    """Return the name of the fleet's SSH key."""
    return fleet.name


class SshKeyKind(Kind[None, SshKey]):
    """SSH keys. What the key is comes from the controller's disk, and is in the view and at the site."""

    noun = "SSH key"
    lists = (SSH_KEYS,)

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[None]]:
        """Return the one key."""
        yield Wanted(ssh_key_name(fleet), None)

    def existing(self, lists: Lists, _fleet: Fleet) -> Iterator[Existing[SshKey]]:
        """Return all keys of the project."""
        for key in lists.of(SSH_KEYS):
            yield Existing(key.name, key.id, key)

    def owns(self, fleet: Fleet, name: str) -> bool:
        """Whether it is the fleet's key; one that begins like it is another fleet's."""
        return name == ssh_key_name(fleet)

    def describe(self, _wanted: Wanted[None], view: View) -> str:
        """Return the key's type and end."""
        return _short(view.public_key)

    def compare(self, wanted: Wanted[None], existing: Existing[SshKey], view: View) -> Iterator[Refuse]:
        """Refuse another key; two that differ in their comment are the same."""
        if existing.value.public_key.split()[:2] != view.public_key.split()[:2]:
            yield Refuse(
                _short(existing.value.public_key),
                _short(view.public_key),
                "use the private key that the nodes know (ssh.private_key in fleet.yaml), or delete the SSH key "
                f"{wanted.name} at OVH if no instance of the fleet exists any more",
            )

    def create(self, wanted: Wanted[None], site: Site) -> str:
        """Create it in all regions."""
        return create_ssh_key(site.api, wanted.name, site.public_key).id

    def created(self, wanted: Wanted[None], object_id: str, site: Site) -> SshKey:
        """Return it: it can be used at once."""
        return SshKey(object_id, wanted.name, site.public_key, site.fleet.regions)

    def delete(self, existing: Existing[SshKey], site: Site) -> None:
        """Delete it; instances that have it keep it."""
        delete_ssh_key(site.api, existing.id)


SSH_KEY = SshKeyKind()


def _short(public_key: str) -> str:
    """Return the key's type, and the end of it: enough to tell two apart."""
    kind, blob = public_key.split()[:2]
    return f"{kind} …{blob[-12:]}"
