"""The whole baseline of one node, in the order in which it is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface

from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.hosts.baseline.certificates import uncertified
from koprogo_fleet.hosts.baseline.firewall import firewall
from koprogo_fleet.hosts.baseline.kernel import kernel
from koprogo_fleet.hosts.baseline.names import names
from koprogo_fleet.hosts.baseline.sshd import RELOAD_SSHD, sshd
from koprogo_fleet.hosts.baseline.storage import storage
from koprogo_fleet.hosts.baseline.vrack import VrackAddress
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Packages, Service

PACKAGES = ("chrony", "curl", "ufw")
HANDLERS: Mapping[str, str] = {RELOAD_SSHD: "systemctl reload ssh"}


@dataclass(frozen=True)
class Attachments:
    """What the API attached to a node: the vRack interface's MAC address, and the data volume's id."""

    vrack_mac: str
    volume_id: str | None


def baseline(
    fleet: Fleet, node: Node, attachments: Attachments, certificates: Sequence[Resource] = ()
) -> tuple[Resource, ...]:
    """
    Return every resource of *node* below Kubernetes.

    *certificates* are what sshd needs where *fleet* has certificates: only who can reach Vault can say it. Without them
    nothing about certificates is looked at.
    """
    network = fleet.network
    address = IPv4Interface(f"{node.vrack_address}/{network.vrack.prefixlen}")
    return (
        *names(node, fleet.nodes),
        VrackAddress(attachments.vrack_mac, address, network.mtu),
        Packages(PACKAGES),
        Service("chrony"),
        *kernel(),
        *storage(attachments.volume_id),
        *sshd(),
        *(certificates if fleet.ssh.certificates is not None else uncertified()),
        firewall(fleet, node),
    )
