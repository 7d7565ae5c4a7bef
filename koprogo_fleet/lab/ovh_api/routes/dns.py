"""
DNS zones and their records. A change is stored, and published by ``refresh``.

What name servers would answer is at ``GET /lab/dns/<zone>``, which OVH does not have: it proves that nothing was
published before.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.faults import Kind
from koprogo_fleet.lab.ovh_api.state import Record, State

TYPES = frozenset(
    [
        "A",
        "AAAA",
        "CAA",
        "CNAME",
        "DKIM",
        "DMARC",
        "DNAME",
        "LOC",
        "MX",
        "NAPTR",
        "NS",
        "PTR",
        "SPF",
        "SRV",
        "SSHFP",
        "TLSA",
        "TXT",
    ]
)
_SHORTEST_TTL = 60
_NAME_SERVERS = ("dns200.anycast.me", "ns200.anycast.me")


def published(state: State, zone: str) -> list[Record]:
    """
    Return the records that the zone's name servers answer with.

    Raises:
        ApiError: 404, no such zone.
    """
    _check_zone(zone)
    with state.look() as data:
        return list(data["dns_published"].get(zone, []))


def _zones(_call: Call) -> Any:
    return list(catalogue.ZONES)


def _zone(_call: Call, zone: str) -> Any:
    _check_zone(zone)
    return {
        "name": zone,
        "nameServers": list(_NAME_SERVERS),
        "dnssecSupported": True,
        "hasDnsAnycast": True,
        "lastUpdate": "2025-01-15T10:00:00Z",
        "iam": {"id": zone, "urn": f"urn:v1:eu:resource:dnsZone:{zone}"},
    }


def _list(call: Call, zone: str) -> Any:
    _check_zone(zone)
    kind, name = call.query.get("fieldType"), call.query.get("subDomain")
    if kind is not None and kind not in TYPES:
        raise bad_request(f"Invalid fieldType {kind}")
    with call.state.look() as data:
        records = [item for item in data["dns_records"].values() if item["zone"] == zone]
    return [item["id"] for item in records if kind in (None, item["fieldType"]) and name in (None, item["subDomain"])]


def _get(call: Call, zone: str, number: int) -> Any:
    _check_zone(zone)
    with call.state.look() as data:
        return dict(_record(data, zone, number))


def _create(call: Call, zone: str) -> Any:
    _check_zone(zone)
    body = call.fields({"fieldType": str, "target": str}, {"subDomain": str, "ttl": int})
    if body["fieldType"] not in TYPES:
        raise bad_request(f"Invalid fieldType {body['fieldType']}")
    with call.state.change() as data:
        record = {
            "id": 1 + max((item["id"] for item in data["dns_records"].values()), default=5_200_000_000),
            "zone": zone,
            "subDomain": body.get("subDomain", ""),
            "fieldType": body["fieldType"],
            "target": _target(body["fieldType"], body["target"]),
            "ttl": _ttl(body.get("ttl", 0)),
        }
        _check_alone(data, record)
        if call.fault != Kind.LOST_RECORD:
            data["dns_records"][str(record["id"])] = record
    return {**record, "id": 0} if call.fault in (Kind.ZERO_ID, Kind.LOST_RECORD) else record


def _change(call: Call, zone: str, number: int) -> None:
    _check_zone(zone)
    body = call.fields({}, {"subDomain": str, "target": str, "ttl": int})
    with call.state.change() as data:
        record = _record(data, zone, number)
        changed = {**record, **body}
        changed["target"] = _target(record["fieldType"], changed["target"])
        changed["ttl"] = _ttl(changed["ttl"])
        _check_alone(data, changed)
        record.update(changed)


def _delete(call: Call, zone: str, number: int) -> None:
    _check_zone(zone)
    with call.state.change() as data:
        del data["dns_records"][str(_record(data, zone, number)["id"])]


def _refresh(call: Call, zone: str) -> None:
    _check_zone(zone)
    with call.state.change() as data:
        data["dns_published"][zone] = [dict(item) for item in data["dns_records"].values() if item["zone"] == zone]


def _check_zone(zone: str) -> None:
    if zone not in catalogue.ZONES:
        raise not_found("This service does not exist: zone")


def _check_alone(data: Record, record: Record) -> None:
    """Refuse a CNAME beside any other record of its name (RFC 1034); OVH's words for it are not documented."""
    for other in data["dns_records"].values():
        same_name = (other["zone"], other["subDomain"]) == (record["zone"], record["subDomain"])
        if same_name and other["id"] != record["id"] and "CNAME" in (other["fieldType"], record["fieldType"]):
            raise conflict(
                f"A {other['fieldType']} record already exists for {record['subDomain'] or '@'}: "
                "a CNAME cannot coexist with another record"
            )


def _target(kind: str, target: str) -> str:
    try:
        if kind == "A":
            return str(IPv4Address(target))
        if kind == "AAAA":
            return str(IPv6Address(target))
    except AddressValueError:
        raise bad_request(f"Invalid target {target} for a record {kind}") from None
    if kind == "TXT" and not target.startswith('"'):
        return f'"{target}"'  # as OVH hands it back
    return target


def _ttl(seconds: int) -> int:
    if seconds != 0 and seconds < _SHORTEST_TTL:
        raise bad_request(f"ttl must be 0 or at least {_SHORTEST_TTL}")
    return seconds


def _record(data: Record, zone: str, number: int) -> Record:
    record: Record | None = data["dns_records"].get(str(number))
    if record is None or record["zone"] != zone:
        raise not_found("Record")
    return record


ROUTES = (
    Route("GET", "/domain/zone", _zones),
    Route("GET", "/domain/zone/<zone>", _zone),
    Route("GET", "/domain/zone/<zone>/record", _list),
    Route("POST", "/domain/zone/<zone>/record", _create),
    Route("GET", "/domain/zone/<zone>/record/<int:number>", _get),
    Route("PUT", "/domain/zone/<zone>/record/<int:number>", _change),
    Route("DELETE", "/domain/zone/<zone>/record/<int:number>", _delete),
    Route("POST", "/domain/zone/<zone>/refresh", _refresh),
)
