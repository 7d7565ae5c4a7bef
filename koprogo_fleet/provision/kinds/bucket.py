"""The bucket for backups."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.cost import items
from koprogo_fleet.ovh.object_storage import Container, create_container, delete_container, list_containers
from koprogo_fleet.provision.kind import Existing, Kind, Refuse, Wanted
from koprogo_fleet.provision.kinds.project_user import PROJECT_USER, user_name
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

_GB = 10**9

CONTAINERS = Listing(
    "S3 containers", lambda api, fleet, _lists: list_containers(api, fleet.backups.region) if fleet.backups else ()
)


class BucketKind(Kind[str, Container]):
    """S3 containers of the backups' region; the spec is the region. Who owns one is no matter: the policy allows it."""

    noun = "bucket"
    lists = (CONTAINERS,)
    holds_data = True

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[str]]:
        """Return the one bucket, where there are backups."""
        if fleet.backups is not None:
            yield Wanted(fleet.backups.bucket, fleet.backups.region, (PROJECT_USER.ref(user_name(fleet)),))

    def existing(self, lists: Lists, _fleet: Fleet) -> Iterator[Existing[Container]]:
        """Return all containers of the region."""
        for container in lists.of(CONTAINERS):
            yield Existing(container.name, f"{container.region}/{container.name}", container)

    def owns(self, fleet: Fleet, name: str) -> bool:
        """Whether it is the one that fleet.yaml names."""
        return fleet.backups is not None and name == fleet.backups.bucket

    def describe(self, wanted: Wanted[str], _view: View) -> str:
        """Return its region."""
        return f"{wanted.spec}, encrypted at rest"

    def compare(self, wanted: Wanted[str], existing: Existing[Container], _view: View) -> Iterator[Refuse]:
        """Refuse one that is not encrypted: what is in it already would stay so."""
        if not existing.value.encrypted:
            next_step = f"switch the encryption of the bucket {wanted.name} on, or name another one in fleet.yaml"
            yield Refuse("not encrypted", "encrypted at rest", next_step)

    def billed(self, wanted: Wanted[str]) -> items.Wanted:
        """Return an empty bucket: only what is in it costs."""
        return items.Wanted(items.Kind.CONTAINER, wanted.name, wanted.spec)

    def billed_now(self, existing: Existing[Container], _lists: Lists) -> items.Wanted:
        """Return what is in it, in whole GB."""
        bucket = existing.value
        size = -(-bucket.size_bytes // _GB)
        return items.Wanted(items.Kind.CONTAINER, existing.name, bucket.region, size_gb=size)

    def create(self, wanted: Wanted[str], site: Site) -> str:
        """Create it, empty."""
        owner = site.need(PROJECT_USER, user_name(site.fleet))
        made = create_container(site.api, wanted.spec, wanted.name, owner.id)
        return f"{wanted.spec}/{made.name}"

    def delete(self, existing: Existing[Container], site: Site) -> None:
        """
        Delete it.

        Raises:
            NotConverged: it is not empty. OVH would refuse it, too.
        """
        bucket = existing.value
        if bucket.objects:
            raise NotConverged(
                f"the bucket {bucket.name} was not deleted: it holds {bucket.objects} objects",
                cause="they are the fleet's backups",
                next_step=f"take what is still needed, empty the bucket (aws s3 rm --recursive s3://{bucket.name}), "
                "then run the command again",
            )
        delete_container(site.api, bucket.region, bucket.name)


BUCKET = BucketKind()
