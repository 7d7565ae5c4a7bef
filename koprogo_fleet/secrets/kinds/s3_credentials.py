"""
A pair of S3 keys of an OVH user.

OVH chooses both halves, and a pair bears no name of ours. The pairs that the user has are thus written down before one is made:
whatever is there beside them, and was kept by nobody, is what an interrupted try of this rotation left, and is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import ClassVar, Literal

from pydantic import Field

from koprogo_fleet.core.errors import InputError, OvhNotFound
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.model import Whole
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s.bucket import Bucket, Keys, signed_url
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.users import (
    create_s3_credential,
    delete_s3_credential,
    list_s3_credentials,
    list_users,
)
from koprogo_fleet.secrets.backend.http import fetch, refused, without_query
from koprogo_fleet.secrets.backend.proof import SECONDS, proven
from koprogo_fleet.secrets.kinds.kind import Change, Origin, Tools
from koprogo_fleet.secrets.kinds.lent import ovh
from koprogo_fleet.secrets.kinds.quiet import Quiet
from koprogo_fleet.secrets.spec import SecretSpec, Values

ACCESS, SECRET = "access-key", "secret-key"
USER, BEFORE = "user", "before"


class S3CredentialsSpec(SecretSpec):
    """Whose keys, and a bucket that they have to open."""

    FIELDS: ClassVar[tuple[str, ...]] = (ACCESS, SECRET)

    kind: Literal["s3-credentials"]
    user: str = Field(min_length=1, description="the description of a user of the project", examples=["koprogo media"])
    region: str = Field(pattern=r"^[A-Za-z]+[0-9]*$", description="a region of OVH's object storage", examples=["GRA"])
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,62}$", description="a bucket's name", examples=["media"])
    endpoint: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9.-]+(:\d{1,5})?$", description="the host of another S3, without https://"
    )
    ca: str | None = Field(default=None, pattern="^/", description="the absolute path of a PEM file")
    seconds: Whole = Field(default=SECONDS, ge=1, le=600, description="a time from 1 to 600 seconds")

    @property
    def place(self) -> Bucket:
        """The bucket, as it is signed."""
        region = self.region.rstrip("0123456789").lower()
        return Bucket(self.endpoint or f"s3.{region}.io.cloud.ovh.net", region, self.bucket, "")


class S3Credentials(Quiet[S3CredentialsSpec]):
    """Two pairs are valid beside each other, until the former one is deleted."""

    name = "s3-credentials"
    spec = S3CredentialsSpec
    origin = Origin.ELSEWHERE

    def begin(self, spec: S3CredentialsSpec, change: Change, tools: Tools) -> Mapping[str, str]:
        """Write down the user and its pairs, once for a rotation."""
        if change.notes:
            return change.notes
        api = ovh(tools)
        user_id = _user_id(spec, api)
        before = sorted(credential.access for credential in list_s3_credentials(api, user_id))
        return {USER: str(user_id), BEFORE: " ".join(before)}

    def create(self, spec: S3CredentialsSpec, change: Change, tools: Tools) -> Values:
        """Have a pair made, unless there is one; what an earlier try of this rotation left is deleted first."""
        if change.new:
            return change.new
        api = ovh(tools)
        self._sweep(spec, change, tools, api)
        made = create_s3_credential(api, int(change.notes[USER]))
        return {ACCESS: Secret(made.credential.access), SECRET: made.secret}

    def prove(self, spec: S3CredentialsSpec, values: Values, tools: Tools) -> None:
        """Ask for the bucket, with a signature."""
        keys = Keys(values[ACCESS].reveal(), values[SECRET])

        def look() -> None:
            url = signed_url((spec.place, keys), "HEAD", "", datetime.now(UTC)).reveal()
            response = fetch("HEAD", url, ca=spec.ca)
            if not response.is_success:
                raise refused(f"HEAD {without_query(url)}", response)

        proven(f"the keys of {spec.name} open the bucket {spec.bucket}", look, spec.seconds, tools.listener)

    def revoke(self, _spec: S3CredentialsSpec, change: Change, tools: Tools) -> None:
        """Delete the former pair."""
        _delete(change, change.former, ovh(tools))

    def discard(self, spec: S3CredentialsSpec, change: Change, tools: Tools) -> None:
        """Delete the new pair, or what an interrupted try of it left."""
        api = ovh(tools)
        if change.new:
            _delete(change, change.new, api)
        elif change.notes:
            self._sweep(spec, change, tools, api)

    def _sweep(self, spec: S3CredentialsSpec, change: Change, tools: Tools, api: OvhApi) -> None:
        for access in _unknown(change, api):
            _delete(change, {ACCESS: Secret(access)}, api)
            tools.listener(Note(f"{spec.name}: deleted the S3 keys {access}, which an interrupted rotation left"))


def _unknown(change: Change, api: OvhApi) -> Iterator[str]:
    known = set(change.notes[BEFORE].split())
    if ACCESS in change.former:
        known.add(change.former[ACCESS].reveal())
    for credential in list_s3_credentials(api, int(change.notes[USER])):
        if credential.access not in known:
            yield credential.access


def _delete(change: Change, values: Values, api: OvhApi) -> None:
    if ACCESS in values:
        with suppress(OvhNotFound):
            delete_s3_credential(api, int(change.notes[USER]), values[ACCESS].reveal())


def _user_id(spec: S3CredentialsSpec, api: OvhApi) -> int:
    found = [user.id for user in list_users(api) if user.description == spec.user]
    if len(found) != 1:
        raise InputError(
            f'{spec.name}: {len(found)} users of the project have the description "{spec.user}"',
            cause="exactly one has to have it: OVH gives users no name of our choice",
            next_step="look at the users of the project in OVH's control panel",
        )
    return found[0]
