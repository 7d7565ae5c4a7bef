"""
The records of a DNS zone that OVH serves.

What is created, changed or deleted here is only stored: :func:`refresh_zone` publishes it. Without it nobody ever sees
the change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.errors import OvhNotFound
from koprogo_fleet.ovh.client import OvhApi

A = "A"
AAAA = "AAAA"
CNAME = "CNAME"
TXT = "TXT"
APEX = ""
"""The name of the zone itself."""

DEFAULT_TTL = 0
"""The zone's own TTL. Any other has to be at least :data:`SHORTEST_TTL`."""

SHORTEST_TTL = 60


@dataclass(frozen=True)
class DnsRecord:
    """
    One record.

    Attributes:
        name: below the zone: "api", "*", or :data:`APEX`.
        target: what it points to; the text of a TXT record without the quotes that the API puts around it.
        ttl: seconds; :data:`DEFAULT_TTL` is the zone's.
    """

    id: int
    zone: str
    name: str
    type: str
    target: str
    ttl: int


def list_zones(api: OvhApi) -> tuple[str, ...]:
    """Return the names of the zones of the account."""
    return tuple(api.get("/domain/zone"))


def list_records(api: OvhApi, zone: str, *, kind: str | None = None, name: str | None = None) -> tuple[DnsRecord, ...]:
    """
    Return the records of *zone*, or those of one *kind* ("A") or one *name*.

    The API lists numbers only: this is one call for the list, and one for each record in it. A record that disappears
    in between is left out.
    """
    numbers = api.get(f"/domain/zone/{zone}/record", fieldType=kind, subDomain=name)
    records = [record for number in numbers if (record := _if_there(api, zone, int(number))) is not None]
    # whether an empty subDomain means the apex, or no filter at all, is not documented: filtered here again
    return tuple(item for item in records if name in (None, item.name) and kind in (None, item.type))


def get_record(api: OvhApi, zone: str, record_id: int) -> DnsRecord:
    """Return one record; right after its creation it may be missing for up to a minute."""
    return _record(api.get(f"/domain/zone/{zone}/record/{record_id}"))


def create_record(  # noqa: PLR0913 - a record is made of so much
    api: OvhApi, zone: str, kind: str, name: str, target: str, *, ttl: int = DEFAULT_TTL
) -> DnsRecord:
    """
    Create a record, to be published by :func:`refresh_zone`.

    The API is known to answer the number 0 sometimes; then the record is looked for, the newest first, as OVH's own
    Terraform provider does (``resource_domain_zone_record.go``).

    Raises:
        OvhConflict: a CNAME would stand beside another record of the same name.
        OvhNotFound: the answer had no number, and the record does not show.
    """
    body = {"fieldType": kind, "subDomain": name, "target": target, "ttl": ttl}
    created = _record(api.post(f"/domain/zone/{zone}/record", body))
    if created.id:
        return created
    same = [item for item in list_records(api, zone, kind=kind, name=name) if item.target == _bare(target)]
    if not same:
        raise OvhNotFound(
            f"the {kind} record {name or '@'} of {zone} was created, but does not show",
            next_step="run the command again in a minute",
        )
    return max(same, key=lambda item: item.id)


def change_record(api: OvhApi, record: DnsRecord, *, target: str, ttl: int = DEFAULT_TTL) -> None:
    """Change where a record points to, or for how long; its type can never change."""
    body = {"subDomain": record.name, "target": target, "ttl": ttl}
    api.put(f"/domain/zone/{record.zone}/record/{record.id}", body)


def delete_record(api: OvhApi, zone: str, record_id: int) -> None:
    """Delete a record, to be published by :func:`refresh_zone`."""
    api.delete(f"/domain/zone/{zone}/record/{record_id}")


def refresh_zone(api: OvhApi, zone: str) -> None:
    """Publish what was changed since the last time."""
    api.post(f"/domain/zone/{zone}/refresh", void=True)


def _if_there(api: OvhApi, zone: str, record_id: int) -> DnsRecord | None:
    try:
        return get_record(api, zone, record_id)
    except OvhNotFound:
        return None


def _record(item: dict[str, Any]) -> DnsRecord:
    kind, target = str(item["fieldType"]), str(item["target"])
    return DnsRecord(
        id=int(item["id"]),
        zone=item["zone"],
        name=item.get("subDomain") or APEX,
        type=kind,
        target=_bare(target) if kind == TXT else target,
        ttl=int(item.get("ttl") or DEFAULT_TTL),
    )


def _bare(target: str) -> str:
    """Return a TXT target without the quotes that the API adds to one that was sent without."""
    is_quoted = len(target) >= 2 and target[0] == target[-1] == '"'  # noqa: PLR2004 - a pair of quotes
    return target[1:-1] if is_quoted else target
