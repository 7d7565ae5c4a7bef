"""One rule of ufw, in the three forms that it has: ours, ufw's own (a tuple in user.rules), and the kernel's."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Literal

from koprogo_fleet.core.errors import InputError


@dataclass(frozen=True)
class Family:
    """IPv4 or IPv6, in ufw's terms."""

    version: int
    suffix: str
    prefix: str
    anywhere: str


FAMILIES = (Family(4, "", "ufw", "0.0.0.0/0"), Family(6, "6", "ufw6", "::/0"))

Action = Literal["allow", "deny", "limit"]
Protocol = Literal["any", "tcp", "udp"]
_TARGETS: dict[str, str] = {"allow": "ACCEPT", "deny": "DROP"}
_TUPLE = re.compile(
    r"### tuple ### (?P<action>allow|deny|limit) (?P<proto>any|tcp|udp) (?P<port>\S+) (?:0\.0\.0\.0/0|::/0) any "
    r"(?P<source>\S+) in(?:_(?P<interface>\S+))?(?: comment=(?P<comment>[0-9a-f]*))?"
)
_NOISE = {"-A", "-m", "--name", "--mask"}
"""Options of ``iptables -S`` that carry no meaning of a rule; each has one value."""


@dataclass(frozen=True)
class UfwRule:
    """
    One rule for what comes in.

    Attributes:
        port: "22", a range "2379:2380", or "any".
        proto: "tcp", "udp", or "any" for both.
        source: an address or network, or "any" for everywhere, IPv6 included.
        comment: for people; two rules that differ by it alone are the same.
        action: "allow", "deny", or "limit" (allow, but no more than 6 connections in 30 s from one address).
        interface: only what comes in here; "" for every interface.

    Raises:
        InputError: a port, source or interface that ufw would not take.
    """

    port: str = "any"
    proto: Protocol = "any"
    source: str = "any"
    comment: str = field(default="", compare=False)
    action: Action = "allow"
    interface: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"any|\d{1,5}(:\d{1,5})?", self.port):
            raise InputError(f"not a port or a range of ports: {self.port!r}", next_step='write "22" or "2379:2380"')
        if ":" in self.port and self.proto == "any":
            raise InputError(f"the range of ports {self.port} needs a protocol: tcp or udp")
        if not re.fullmatch(r"[A-Za-z0-9.-]{0,15}", self.interface):
            raise InputError(f"not a network interface: {self.interface!r}")
        if self.source != "any":
            try:
                object.__setattr__(self, "source", _plain(str(ip_network(self.source))))
            except ValueError as error:
                raise InputError(f"not an address or a network: {self.source!r}: {error}") from error

    def __str__(self) -> str:
        port = self.port if self.proto == "any" else f"{self.port}/{self.proto}"
        where = "anywhere" if self.source == "any" else self.source
        on = f" on {self.interface}" if self.interface else ""
        return f"{self.action} {port} from {where}{on}" + (f" ({self.comment})" if self.comment else "")

    def opens(self, port: int) -> bool:
        """Return whether this rule lets TCP connections to *port* in, from somewhere."""
        first, _, last = self.port.partition(":")
        covers = self.port == "any" or int(first) <= port <= int(last or first)
        return self.action in {"allow", "limit"} and self.proto in {"any", "tcp"} and covers

    def applies_to(self, family: Family) -> bool:
        """Return whether the rule concerns IPv4 or IPv6."""
        return self.source == "any" or ip_network(self.source).version == family.version

    def tuple_line(self, family: Family) -> str:
        """Return the line by which ufw remembers the rule."""
        source = family.anywhere if self.source == "any" else self.source
        way = f"in_{self.interface}" if self.interface else "in"
        line = f"### tuple ### {self.action} {self.proto} {self.port} {family.anywhere} any {source} {way}"
        return line + (f" comment={self.comment.encode().hex()}" if self.comment else "")

    def kernel_lines(self, family: Family) -> tuple[str, ...]:
        """Return the lines for ``iptables-restore``, as ufw would write them."""
        chain = f"-A {family.prefix}-user-input"
        if self.interface:
            chain += f" -i {self.interface}"
        source = "" if self.source == "any" else f" -s {self.source}"
        matches = []
        if self.port == "any":
            matches.append(("" if self.proto == "any" else f" -p {self.proto}") + source)
        else:
            for proto in ("tcp", "udp") if self.proto == "any" else (self.proto,):
                ports = f"-m multiport --dports {self.port}" if ":" in self.port else f"--dport {self.port}"
                matches.append(f" -p {proto} {ports}{source}")
        return tuple(f"{chain}{match} {target}" for match in matches for target in self._targets(family))

    def _targets(self, family: Family) -> tuple[str, ...]:
        if self.action != "limit":
            return (f"-j {_TARGETS[self.action]}",)
        recent = "-m conntrack --ctstate NEW -m recent"
        return (
            f"{recent} --set",
            f"{recent} --update --seconds 30 --hitcount 6 -j {family.prefix}-user-limit",
            f"-j {family.prefix}-user-limit-accept",
        )


def rule_of_tuple(line: str) -> UfwRule | str:
    """Return the rule that ufw remembers by *line*; as text where it is of a kind that we never write."""
    match = _TUPLE.fullmatch(line.strip())
    if match is None:
        return line.removeprefix("### tuple ### ").strip()
    source = match["source"]
    try:
        return UfwRule(
            match["port"],
            match["proto"],  # type: ignore[arg-type]  # the pattern allows no other
            "any" if source in {family.anywhere for family in FAMILIES} else source,
            bytes.fromhex(match["comment"] or "").decode(errors="replace"),
            match["action"],  # type: ignore[arg-type]  # the pattern allows no other
            match["interface"] or "",
        )
    except InputError:
        return line.removeprefix("### tuple ### ").strip()


def canonical(line: str) -> frozenset[tuple[str, ...]]:
    """Return what a line of ``iptables -S``, or of ours, means, whatever the order and the spelling of its options."""
    options: list[list[str]] = []
    for word in shlex.split(line):
        if word.startswith("-") or not options:
            options.append([word])
        else:
            options[-1].append(_plain(word))
    return frozenset(tuple(option) for option in options if option[0] not in _NOISE and option != ["--rsource"])


def _plain(network: str) -> str:
    return re.sub(r"^([0-9.]+)/32$|^([0-9a-f:]+)/128$", lambda match: match[1] or match[2], network)
