"""What the records of a zone must not say together. Pure: every rule yields the mistakes it finds."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from koprogo_fleet.core.model import Mistake, Place
from koprogo_fleet.core.sections import LOAD_BALANCER, TARGET_WORDS, Dns, DnsRecord

_RECORDS = ("dns", "records")


def dns_contradictions(dns: Dns | None, *, load_balancer: bool = False) -> Iterator[Mistake]:
    """Yield what the zone cannot serve; *load_balancer* says whether the fleet has one that a record can lead to."""
    if dns is None:
        return
    for index, record in enumerate(dns.records):
        place: Place = (*_RECORDS, index, "target")
        if message := _misfit(record, load_balancer=load_balancer):
            yield Mistake(message, place, (place, (*_RECORDS, index, "type")))
    yield from _beside_each_other(dns)


def text_tag(text: str) -> str:
    """
    Return what a TXT record is known by: its whole text; its version tag alone, where a name may have but one of them.

    That is so for SPF (RFC 7208, section 3.2) and DMARC (RFC 7489, section 6.6.3): "v=spf1 …". Any other text may stand
    beside others of its name, which belong to other services.
    """
    return text.split(maxsplit=1)[0].rstrip(";") if text.startswith("v=") else text


def _misfit(record: DnsRecord, *, load_balancer: bool) -> str:
    """Return why the target is none for a record of this type, or nothing."""
    target, reason = record.target, ""
    if target in TARGET_WORDS and record.type != "TXT":
        if record.type != "A":
            reason = f"{target} is an IPv4 address, which needs type A"
        elif target == LOAD_BALANCER and not load_balancer:
            reason = "there is no load balancer in this fleet.yaml whose address it could have"
    elif record.type in {"A", "AAAA"} and not _is_address(target, record.type):
        version = 4 if record.type == "A" else 6
        words = f", nor {' or '.join(TARGET_WORDS)}" if record.type == "A" else ""
        reason = f'"{target}" is no IPv{version} address{words}'
    elif record.type == "CNAME":
        reason = _cname_misfit(record)
    return reason and f"{record.type} record {record.name}: {reason}"


def _cname_misfit(record: DnsRecord) -> str:
    if record.name == "@":
        return "the zone itself has other records and cannot be a CNAME; write an A record"
    if _is_address(record.target, "A") or _is_address(record.target, "AAAA"):
        return f"a CNAME leads to a name, not to the address {record.target}"
    return "it leads to itself" if record.target == record.name else ""


def _beside_each_other(dns: Dns) -> Iterator[Mistake]:
    of_name: dict[str, int] = {}
    same: dict[tuple[str, str, str], int] = {}
    for index, record in enumerate(dns.records):
        key = record.name, record.type, text_tag(record.target) if record.type == "TXT" else ""
        earlier, twin = of_name.setdefault(record.name, index), same.setdefault(key, index)
        if twin != index:
            yield _both(f"two {record.type} records have the name {record.name}", twin, index)
        elif earlier != index and "CNAME" in {record.type, dns.records[earlier].type}:
            other = dns.records[earlier].type
            message = f"a CNAME stands alone: {record.name} has a record of type {other} and one of type {record.type}"
            yield _both(message, earlier, index)


def _both(message: str, first: int, second: int) -> Mistake:
    both = [(*_RECORDS, index, field) for index in (first, second) for field in ("name", "type", "target")]
    return Mistake(message, (*_RECORDS, second, "name"), tuple(both))


def _is_address(text: str, kind: str) -> bool:
    try:
        IPv4Address(text) if kind == "A" else IPv6Address(text)
    except AddressValueError:
        return False
    return True
