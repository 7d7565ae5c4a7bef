"""The whole baseline of one node, in the order in which it is applied."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface

from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.hosts.baseline import audit, ban, logs, sshd, storage
from koprogo_fleet.hosts.baseline.certificates import uncertified
from koprogo_fleet.hosts.baseline.clock import clock
from koprogo_fleet.hosts.baseline.firewall import firewall
from koprogo_fleet.hosts.baseline.kernel import kernel
from koprogo_fleet.hosts.baseline.names import names
from koprogo_fleet.hosts.baseline.node_ports import node_ports
from koprogo_fleet.hosts.baseline.people import people
from koprogo_fleet.hosts.baseline.permissions import permissions
from koprogo_fleet.hosts.baseline.reboots import reboots
from koprogo_fleet.hosts.baseline.upgrades import PACKAGES as UPGRADES
from koprogo_fleet.hosts.baseline.upgrades import upgrades
from koprogo_fleet.hosts.baseline.vrack import VrackAddress
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Packages, Service

PACKAGES = ("chrony", "curl", "logrotate", "nftables", "ufw", *ban.PACKAGES, *UPGRADES)
HANDLERS: Mapping[str, str] = {
    sshd.RELOAD_SSHD: sshd.RELOAD_SCRIPT,
    logs.RESTART_JOURNALD: logs.RESTART_SCRIPT,
    ban.RELOAD_FAIL2BAN: ban.RELOAD_SCRIPT,
    audit.LOAD_RULES: audit.LOAD_SCRIPT,
    storage.RELOAD_MULTIPATH: storage.RELOAD_SCRIPT,
}


@dataclass(frozen=True)
class Attachments:
    """What the API attached to a node: the vRack interface's MAC address, and the data volume's id."""

    vrack_mac: str
    volume_id: str | None


def packages(node: Node) -> tuple[str, ...]:
    """Return what is installed on *node*, by one call of apt; auditd comes beside it, where there can be one."""
    return tuple(sorted({*PACKAGES, *(storage.PACKAGES if storage.needs_storage(node) else ())}))


def baseline(
    fleet: Fleet,
    node: Node,
    attachments: Attachments,
    certificates: Sequence[Resource] = (),
    asked: float | None = None,
) -> tuple[Resource, ...]:
    """
    Return every resource of *node* below Kubernetes.

    *certificates* are what sshd needs where *fleet* has certificates: only who can reach Vault can say it. Without them
    nothing about certificates is looked at. *asked* is when the node is asked, in seconds since 1970: now, by default.
    """
    network = fleet.network
    address = IPv4Interface(f"{node.vrack_address}/{network.vrack.prefixlen}")
    return (
        *names(node, fleet.nodes),
        VrackAddress(attachments.vrack_mac, address, network.mtu),
        # Before the packages, which would start what these stop, or start with settings that do not fit.
        *storage.before_packages(node),
        ban.jail(fleet),
        Packages(packages(node)),
        *clock(time.time() if asked is None else asked),
        *kernel(fleet, node),
        *logs.logs(),
        *storage.storage(node, attachments.volume_id),
        *permissions(),
        *people(fleet),
        *sshd.sshd(sshd.users_of(fleet)),
        *(certificates if fleet.ssh.certificates is not None else uncertified()),
        Service("fail2ban"),
        *audit.audit(),
        *upgrades(),
        *reboots(fleet, node),
        node_ports(fleet),
        # Last: nothing that takes long comes between its new rules and the connection that confirms them.
        firewall(fleet, node),
    )
