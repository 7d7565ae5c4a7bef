"""What makes the changes of a DNS zone seen: one refresh, after the last of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from koprogo_fleet.core.errors import OvhNotFound, OvhUnavailable
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import dns
from koprogo_fleet.provision.kind import Change, Existing, Kind, Wanted
from koprogo_fleet.provision.kinds.dns_record import DNS_RECORD, PUBLICATION, RECORDS, mark, mark_name, marks
from koprogo_fleet.provision.lists import Lists
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View


@dataclass(frozen=True)
class Publication:
    """Whether changes are stored in the zone that nobody sees yet."""

    zone: str
    pending: bool


class PublicationKind(Kind[None, Publication]):
    """
    The publication of a zone: it is there as long as the zone has any record of the fleet, or the mark.

    It needs all records, so that nothing is published unless all of them could be stored.
    """

    noun = PUBLICATION
    lists = (RECORDS,)
    ready_when = "published"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[None]]:
        """Return that of the fleet's zone, if it has records."""
        if fleet.dns is not None and fleet.dns.records:
            yield Wanted(
                fleet.dns.zone, None, tuple(DNS_RECORD.ref(record.name) for record in DNS_RECORD.wanted(fleet))
            )

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[Publication]]:
        """Return that of the fleet's zone."""
        if fleet.dns is None:
            return
        pending = bool(marks(lists, fleet))
        ours = any(DNS_RECORD.owns(fleet, record.name) for record in DNS_RECORD.existing(lists, fleet))
        if pending or ours:
            yield Existing(fleet.dns.zone, fleet.dns.zone, Publication(fleet.dns.zone, pending))

    def owns(self, fleet: Fleet, name: str) -> bool:
        """Whether it is the fleet's zone's."""
        return fleet.dns is not None and name == fleet.dns.zone

    def surplus(self, _fleet: Fleet, _name: str) -> bool:
        """One that is pending although no record is wanted any more is finished, which takes the mark away."""
        return True

    def describe(self, _wanted: Wanted[None], _view: View) -> str:
        """Say when."""
        return "after the last record"

    def compare(self, _wanted: Wanted[None], existing: Existing[Publication], view: View) -> Iterator[Change]:
        """Publish what was left unpublished, and what this plan changes."""
        there = {item.name: item for item in DNS_RECORD.existing(view, view.fleet)}
        changes = any(
            record.name not in there or any(DNS_RECORD.compare(record, there[record.name], view))
            for record in DNS_RECORD.wanted(view.fleet)
        )
        if existing.value.pending:
            yield Change("without an earlier run's changes", "with them")
        elif changes:
            yield Change("without these changes", "with them")

    def lacks(self, _wanted: Wanted[None], publication: Publication) -> str:
        """Return whether the mark is still there."""
        return "not published" if publication.pending else ""

    def create(self, wanted: Wanted[None], site: Site) -> str:
        """Publish the first records."""
        _publish(site, wanted.name)
        return wanted.name

    def change(self, _wanted: Wanted[None], existing: Existing[Publication], site: Site) -> None:
        """Publish what is stored."""
        _publish(site, existing.value.zone)

    def delete(self, existing: Existing[Publication], site: Site) -> None:
        """Publish that the fleet's records are gone."""
        _publish(site, existing.value.zone)


DNS_PUBLICATION = PublicationKind()


def _publish(site: Site, zone: str) -> None:
    """Refresh the zone, then take the marks away."""
    own = mark(site, zone)
    _surely(lambda: dns.refresh_zone(site.api, zone))
    listed = dns.list_records(site.api, zone, name=mark_name(site.fleet))
    for number in {own, *(record.id for record in listed)}:
        with suppress(OvhNotFound):
            _surely(partial(dns.delete_record, site.api, zone, number))


def _surely(call: Callable[[], None]) -> None:
    """Make a call again whose answer was lost; both calls here do no harm when they are made twice."""
    try:
        call()
    except OvhUnavailable:
        call()
