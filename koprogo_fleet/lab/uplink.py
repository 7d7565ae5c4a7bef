"""How this host reaches the world: what the nodes' way out must match."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.lab.commands import run

ETHERNET_MTU = 1500
# The first may name a forwarder on the loopback, which no node can reach; the others then name what that asks.
RESOLVER_FILES = (
    Path("/etc/resolv.conf"),
    Path("/run/systemd/resolve/resolv.conf"),
    Path("/run/NetworkManager/no-stub-resolv.conf"),
)


def uplink_mtu() -> int:
    """Return the largest packet that leaves this host; Ethernet's where it has no way out."""
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "default"])):
        link = json.loads(run(["ip", "-json", "link", "show", "dev", route["dev"]]))[0]
        return min(int(link["mtu"]), ETHERNET_MTU)
    return ETHERNET_MTU


def resolvers(files: Sequence[Path] = RESOLVER_FILES) -> tuple[IPv4Address, ...]:
    """
    Return the name servers of this host that its nodes can ask too.

    Raises:
        MissingRequirement: there is none with an IPv4 address other than the loopback.
    """
    for file in files:
        if file.exists() and (found := parse_resolvers(file.read_text())):
            return found
    raise MissingRequirement(
        "this machine has no name server that the lab's nodes can ask",
        cause=f"no IPv4 address other than 127.* in {', '.join(str(file) for file in files)}",
        next_step="add a line 'nameserver ADDRESS' to /etc/resolv.conf",
    )


def parse_resolvers(text: str) -> tuple[IPv4Address, ...]:
    """Return the IPv4 name servers of a ``resolv.conf`` that are not on the loopback, in order."""
    words = (line.split() for line in text.splitlines())
    addresses = (ip_address(line[1].partition("%")[0]) for line in words if len(line) > 1 and line[0] == "nameserver")
    return tuple(address for address in addresses if isinstance(address, IPv4Address) and not address.is_loopback)
