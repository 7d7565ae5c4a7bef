"""
The pair of S3 keys of the backups' user: made at OVH, and written to Vault before anything else happens.

A pair is the fleet's if Vault has it. Of any other pair of this user nobody has the secret half (a run was killed between
OVH's answer and Vault, or Vault's entry is gone): it is deleted, and made anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from koprogo_fleet.core.errors import OvhUnavailable
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.users import (
    NewS3Credential,
    S3Credential,
    create_s3_credential,
    delete_s3_credential,
    list_s3_credentials,
)
from koprogo_fleet.provision.kind import Existing, Kind, Verdict, Wanted
from koprogo_fleet.provision.kinds.project_user import PROJECT_USER, USERS, user_name
from koprogo_fleet.provision.kinds.s3_policy import S3_POLICY
from koprogo_fleet.provision.lists import Listing, Lists, Live
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

ACCESS_KEY = "access_key"
SECRET_KEY = "secret_key"  # noqa: S105 - the name of a key in Vault
"""What the halves are called in Vault."""


def vault_path(fleet: Fleet) -> str:
    """Return where the keys are, below Vault's mount; "" without backups."""
    return f"{fleet.vault.folder}/{fleet.backups.vault}" if fleet.backups else ""


def _of_the_fleet(api: OvhApi, fleet: Fleet, lists: Lists) -> tuple[S3Credential, ...]:
    own = (user.id for user in lists.of(USERS) if user.description == user_name(fleet))
    return tuple(credential for number in own for credential in list_s3_credentials(api, number))


def _in_vault(_api: OvhApi, fleet: Fleet, lists: Live) -> str:
    """Return the id of the access key that Vault has; "" if it has none. The secret half is not looked at."""
    if fleet.backups is None:
        return ""
    stored = lists.keeper.read(vault_path(fleet))
    if stored is None or not stored.values.get(SECRET_KEY):
        return ""
    return stored.values.get(ACCESS_KEY, Secret("")).reveal()


CREDENTIALS = Listing("S3 credentials", _of_the_fleet)
KEPT = Listing("S3 keys in Vault", _in_vault)


@dataclass(frozen=True)
class KnownCredential:
    """A pair of keys, and whether Vault has its secret half."""

    credential: S3Credential
    kept: bool


class S3CredentialKind(Kind[None, KnownCredential]):
    """S3 keys, named like their user; those whose secret half is lost bear their own id, and go."""

    noun = "S3 keys"
    lists = (USERS, CREDENTIALS, KEPT)
    ready_when = "in Vault"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[None]]:
        """Return the one pair, where there are backups."""
        if fleet.backups is not None:
            name = user_name(fleet)
            yield Wanted(name, None, (PROJECT_USER.ref(name), S3_POLICY.ref(name)))

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[KnownCredential]]:
        """Return all of the backups' user."""
        user = user_name(fleet)
        for credential in lists.of(CREDENTIALS):
            kept = credential.access == lists.of(KEPT)
            name = user if kept else f"{user} without secret {credential.access}"
            yield Existing(name, credential.access, KnownCredential(credential, kept), (PROJECT_USER.ref(user),))

    def surplus(self, _fleet: Fleet, _name: str) -> bool:
        """Those go of which nobody has the secret half."""
        return True

    def describe(self, _wanted: Wanted[None], view: View) -> str:
        """Return where they go."""
        return f"to {view.fleet.vault.mount}/{vault_path(view.fleet)} in Vault"

    def compare(self, _wanted: Wanted[None], _existing: Existing[KnownCredential], _view: View) -> Iterator[Verdict]:
        """Nothing can differ: what is in Vault is right."""
        return iter(())

    def lacks(self, _wanted: Wanted[None], known: KnownCredential) -> str:
        """Return whether Vault has it yet."""
        return "" if known.kept else "not in Vault"

    def create(self, wanted: Wanted[None], site: Site) -> str:
        """
        Make a pair, and write it to Vault; other values there stay.

        Raises:
            VaultConflict: somebody has written there since we looked; the next run begins with what is there.
            VaultError: Vault refuses; the pair is lost, and the next run makes another one.
        """
        path, keeper = vault_path(site.fleet), site.lists.keeper
        before = keeper.read(path)
        made = _made(site, site.need(PROJECT_USER, wanted.name).id)
        values = {
            **(before.values if before else {}),
            ACCESS_KEY: Secret(made.credential.access),
            SECRET_KEY: made.secret,
        }
        version = keeper.write(path, values, expected_version=before.version if before else 0)
        site.listener(Note(f"written to vault: {path}, version {version}"))
        return made.credential.access

    def delete(self, existing: Existing[KnownCredential], site: Site) -> None:
        """Delete the pair: it stops working at once. What Vault has of it stays there."""
        delete_s3_credential(site.api, existing.value.credential.user_id, existing.id)


S3_CREDENTIAL = S3CredentialKind()


def _made(site: Site, user_id: int) -> NewS3Credential:
    """Make a pair; one whose answer is lost is useless without its secret half: it is deleted, and another one made."""
    before = {credential.access for credential in list_s3_credentials(site.api, user_id)}
    try:
        return create_s3_credential(site.api, user_id)
    except OvhUnavailable:
        for credential in list_s3_credentials(site.api, user_id):
            if credential.access not in before:
                delete_s3_credential(site.api, user_id, credential.access)
        return create_s3_credential(site.api, user_id)
