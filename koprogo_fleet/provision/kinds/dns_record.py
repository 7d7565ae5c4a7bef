"""
Records of the DNS zone: those that fleet.yaml names, and no others.

OVH stores every change at once and publishes nothing before a refresh, which is :mod:`.dns_publication`'s. It does not
tell whether anything is unpublished (``/domain/zone/{zone}/status`` is about the servers), so the zone itself has to: a
record of its own, the mark, is put there before the first change, and goes after the refresh. A run that is killed leaves
it, and the next one knows. The name servers may go on answering the mark until the zone is published again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from koprogo_fleet.core.dns_contradictions import text_tag
from koprogo_fleet.core.errors import OvhError, OvhNotFound
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.sections import FIRST_SERVER, LOAD_BALANCER
from koprogo_fleet.ovh import dns
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.dns import DnsRecord
from koprogo_fleet.provision.kind import Change, Existing, Kind, Ref, Refuse, Wanted
from koprogo_fleet.provision.kinds.balancer_address import address_of_balancer, what_has_the_address
from koprogo_fleet.provision.kinds.instance import INSTANCE
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.once import create_once
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

PUBLICATION = "publication of DNS zone"
MARK_TEXT = "koprogo_fleet has changed this zone and not published it yet"


def mark_name(fleet: Fleet) -> str:
    """Return the name of the mark, below the zone."""
    return f"_unpublished-{fleet.name}"


def _of_the_fleet(api: OvhApi, fleet: Fleet, _lists: Lists) -> tuple[DnsRecord, ...]:
    """Read what stands under the names of the fleet's records: a call for each name, and one for each record there."""
    if fleet.dns is None:
        return ()
    names = dict.fromkeys((mark_name(fleet), *(_below(record.name) for record in fleet.dns.records)))
    try:
        return tuple(record for name in names for record in dns.list_records(api, fleet.dns.zone, name=name))
    except OvhNotFound as error:
        raise OvhNotFound.about_the_call_of(
            error,
            error.seen,
            cause=f"the zone {fleet.dns.zone} is not one of this OVH account's",
            next_step="look at dns.zone in fleet.yaml, and at the domain in the OVH manager",
        ) from error


RECORDS = Listing("DNS records", _of_the_fleet)


@dataclass(frozen=True)
class RecordSpec:
    """A record; *target* is as fleet.yaml has it, *ttl* in seconds."""

    zone: str
    name: str
    type: str
    target: str
    ttl: int


class DnsRecordKind(Kind[RecordSpec, DnsRecord]):
    """Records, named by type and whole name: "A api.koprogo.io". What fleet.yaml names no more is left alone."""

    noun = "DNS record"
    lists = (RECORDS,)
    ready_when = "in the zone"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[RecordSpec]]:
        """Return all of fleet.yaml's."""
        if fleet.dns is None:
            return
        for record in fleet.dns.records:
            spec = RecordSpec(fleet.dns.zone, _below(record.name), record.type, record.target, fleet.dns.ttl_of(record))
            yield Wanted(_object_name(spec.zone, spec.name, spec.type, spec.target), spec, _needs(fleet, spec))

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[DnsRecord]]:
        """Return those that stand under the names of fleet.yaml's."""
        for record in lists.of(RECORDS):
            if record.name != mark_name(fleet):
                name = _object_name(record.zone, record.name, record.type, record.target)
                yield Existing(name, str(record.id), record, (Ref(PUBLICATION, record.zone),))

    def owns(self, fleet: Fleet, name: str) -> bool:
        """Whether fleet.yaml names it."""
        return any(name == wanted.name for wanted in self.wanted(fleet))

    def describe(self, wanted: Wanted[RecordSpec], view: View) -> str:
        """Return the target and the TTL."""
        return _shown(_target(wanted.spec, view) or wanted.spec.target, wanted.spec.ttl)

    def obstacle(self, wanted: Wanted[RecordSpec], view: View) -> Refuse | None:
        """Refuse a CNAME beside a record that is not the fleet's, and any record beside such a CNAME."""
        spec = wanted.spec
        for other in view.of(RECORDS):
            if other.name == spec.name and other.type != spec.type and dns.CNAME in {other.type, spec.type}:
                next_step = f"delete the {other.type} record {spec.name or '@'} of {spec.zone} in the OVH manager"
                new = f"to {spec.target}: a CNAME stands alone, and there is a record of type {other.type}"
                return Refuse("", new, next_step)
        return None

    def compare(self, wanted: Wanted[RecordSpec], existing: Existing[DnsRecord], view: View) -> Iterator[Change]:
        """Change target and TTL in place; an address that is not known yet is another one."""
        spec, record = wanted.spec, existing.value
        target = _target(spec, view)
        now = _plain(record.type, record.target, record.zone)
        if (now, record.ttl) != (target and _plain(spec.type, target, spec.zone), spec.ttl):
            yield Change(_shown(record.target, record.ttl), _shown(target or spec.target, spec.ttl))

    def create(self, wanted: Wanted[RecordSpec], site: Site) -> str:
        """Store it."""
        spec = wanted.spec
        mark(site, spec.zone)
        return str(
            dns.create_record(site.api, spec.zone, spec.type, spec.name, _known_target(spec, site), ttl=spec.ttl).id
        )

    def created(self, wanted: Wanted[RecordSpec], object_id: str, site: Site) -> DnsRecord:
        """Return it: stored is stored."""
        spec = wanted.spec
        return DnsRecord(int(object_id), spec.zone, spec.name, spec.type, _known_target(spec, site), spec.ttl)

    def change(self, wanted: Wanted[RecordSpec], existing: Existing[DnsRecord], site: Site) -> None:
        """Store its target and TTL."""
        mark(site, existing.value.zone)
        target = _known_target(wanted.spec, site)
        dns.change_record(site.api, existing.value, target=target, ttl=wanted.spec.ttl)

    def delete(self, existing: Existing[DnsRecord], site: Site) -> None:
        """Take it out of the zone."""
        mark(site, existing.value.zone)
        dns.delete_record(site.api, existing.value.zone, existing.value.id)


DNS_RECORD = DnsRecordKind()


def marks(lists: Lists, fleet: Fleet) -> tuple[DnsRecord, ...]:
    """Return the marks: more than one if two runs met."""
    return tuple(record for record in lists.of(RECORDS) if record.name == mark_name(fleet))


def mark(site: Site, zone: str) -> int:
    """Put the mark into the zone, once in a run, if it is not there; return its number."""

    def find() -> int | None:
        return next((record.id for record in marks(site.lists, site.fleet)), None)

    def put() -> int:
        name = mark_name(site.fleet)
        return find() or create_once(
            site,
            f"the mark {name} of {zone}",
            lambda: dns.create_record(site.api, zone, dns.TXT, name, MARK_TEXT, ttl=dns.SHORTEST_TTL).id,
            find,
        )

    return site.once(f"mark of {zone}", put)


def _needs(fleet: Fleet, spec: RecordSpec) -> tuple[Ref, ...]:
    if _is_word(spec, FIRST_SERVER):
        return (INSTANCE.ref(fleet.first_server.name),)
    return what_has_the_address(fleet) if _is_word(spec, LOAD_BALANCER) else ()


def _target(spec: RecordSpec, view: View) -> str | None:
    """Return what the record has to lead to; None if that will be known only when the plan is carried out."""
    if _is_word(spec, FIRST_SERVER):
        instance = view.find(INSTANCE, view.fleet.first_server.name)
        return str(instance.public_ipv4) if instance and instance.public_ipv4 else None
    if _is_word(spec, LOAD_BALANCER):
        address = address_of_balancer(view.fleet, view, view.find)
        return str(address) if address else None
    return _written(spec)


def _known_target(spec: RecordSpec, site: Site) -> str:
    if _is_word(spec, FIRST_SERVER):
        return str(site.need(INSTANCE, site.fleet.first_server.name).public_ipv4)
    if _is_word(spec, LOAD_BALANCER):
        address = address_of_balancer(site.fleet, site, site.need)
        if address is None:
            raise OvhError(
                "the load balancer has no public IPv4 address",
                cause="it is a classic one, and OVH gave it IPv6 alone",
                next_step="look at load_balancer.service in the OVH manager; or write an address into dns.records",
            )
        return str(address)
    return _written(spec)


def _is_word(spec: RecordSpec, word: str) -> bool:
    return spec.type == dns.A and spec.target == word


def _written(spec: RecordSpec) -> str:
    """Return a target as OVH is told it: addresses in their shortest form, names whole, with the dot that says so."""
    if spec.type != dns.CNAME:
        return _plain(spec.type, spec.target, spec.zone)
    if spec.target == "@":
        return f"{spec.zone}."
    return f"{spec.target.rstrip('.')}." if "." in spec.target else f"{spec.target}.{spec.zone}."


def _plain(kind: str, target: str, zone: str) -> str:
    """Return a target in one way of writing: OVH hands back what it was given, and a name without dot is the zone's."""
    if kind == dns.CNAME:
        return (target.removesuffix(".") if target.endswith(".") else f"{target}.{zone}").lower()
    if kind in {dns.A, dns.AAAA}:
        return str(IPv4Address(target) if kind == dns.A else IPv6Address(target))
    return target


def _below(name: str) -> str:
    return dns.APEX if name == "@" else name


def _object_name(zone: str, name: str, kind: str, target: str) -> str:
    whole = f"{name}.{zone}" if name else zone
    return f"{kind} {whole} {text_tag(target)}" if kind == dns.TXT else f"{kind} {whole}"


def _shown(target: str, ttl: int) -> str:
    return f"{target}, TTL {ttl}"
