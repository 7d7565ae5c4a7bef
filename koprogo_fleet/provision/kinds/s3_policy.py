"""What the backups' user may do: everything that a backup needs, in one bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.users import get_s3_policy, set_s3_policy
from koprogo_fleet.provision.kind import Change, Existing, Kind, Wanted
from koprogo_fleet.provision.kinds.project_user import PROJECT_USER, USERS, user_name
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

Policy = Mapping[str, Any]

ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:ListMultipartUploadParts",
    "s3:ListBucketMultipartUploads",
    "s3:AbortMultipartUpload",
    "s3:GetBucketLocation",
)
"""Read and write, as OVH's guide has it (Object Storage, Identity and access management: "RWContainer")."""


def _of_the_fleet(api: OvhApi, fleet: Fleet, lists: Lists) -> tuple[tuple[int, Policy], ...]:
    own = (user.id for user in lists.of(USERS) if user.description == user_name(fleet))
    found = ((number, get_s3_policy(api, number)) for number in own)
    return tuple((number, policy) for number, policy in found if policy)


POLICIES = Listing("S3 policies", _of_the_fleet)


def policy_for(bucket: str) -> Policy:
    """Return the document that allows one bucket."""
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return {"Statement": [{"Sid": "Backups", "Effect": "Allow", "Action": list(ACTIONS), "Resource": resources}]}


class S3PolicyKind(Kind[str, Policy]):
    """S3 policies of project users, named like them; the spec is the bucket. They go with their users."""

    noun = "S3 policy"
    lists = (USERS, POLICIES)
    ready_when = "in force"
    tie = True

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[str]]:
        """Return that of the backups' user."""
        if fleet.backups is not None:
            name = user_name(fleet)
            yield Wanted(name, fleet.backups.bucket, (PROJECT_USER.ref(name),))

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[Policy]]:
        """Return that of the backups' user."""
        for number, policy in lists.of(POLICIES):
            name = user_name(fleet)
            yield Existing(name, f"policy of {number}", policy, (PROJECT_USER.ref(name),))

    def owns(self, _fleet: Fleet, _name: str) -> bool:
        """Say no: it is deleted with its user."""
        return False

    def describe(self, wanted: Wanted[str], _view: View) -> str:
        """Return what it allows."""
        return f"read and write {wanted.spec}"

    def compare(self, wanted: Wanted[str], existing: Existing[Policy], view: View) -> Iterator[Change]:
        """Set it again if it says anything else."""
        if existing.value != policy_for(wanted.spec):
            yield Change("another one", self.describe(wanted, view))

    def lacks(self, wanted: Wanted[str], policy: Policy) -> str:
        """Return whether the new one is there."""
        return "" if policy == policy_for(wanted.spec) else "another one"

    def create(self, wanted: Wanted[str], site: Site) -> str:
        """Set it."""
        user = site.need(PROJECT_USER, wanted.name)
        set_s3_policy(site.api, user.id, policy_for(wanted.spec))
        return f"policy of {user.id}"

    def change(self, wanted: Wanted[str], _existing: Existing[Policy], site: Site) -> None:
        """Set it."""
        self.create(wanted, site)

    def delete(self, existing: Existing[Policy], _site: Site) -> None:
        """Do nothing: nobody owns one, so that no plan asks for this; it goes with its user."""
        raise NotImplementedError(f"{existing.id} goes with its user")


S3_POLICY = S3PolicyKind()
