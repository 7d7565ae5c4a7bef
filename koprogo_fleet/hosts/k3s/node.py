"""Every resource of K3s on one node, in the order in which it is applied."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from koprogo_fleet.core.fleet import Fleet, Node, Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.config import config
from koprogo_fleet.hosts.k3s.service import RESTART, K3sService
from koprogo_fleet.hosts.k3s.unit import unit, unit_name
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Directory, File


@dataclass(frozen=True)
class Tokens:
    """
    What a node proves with that it belongs to the cluster.

    The first server gets the bare passwords; the others get the full form ``K10<CA hash>::<user>:<password>``, with
    which they also check that the server is the right one.
    """

    server: Secret
    agent: Secret


@dataclass(frozen=True)
class Addresses:
    """What was observed of a node's interfaces."""

    public: IPv4Address
    vrack_interface: str


def k3s(  # noqa: PLR0913, PLR0917 - everything that K3s on a node is made of
    fleet: Fleet, node: Node, tokens: Tokens, addresses: Addresses, artifacts: str, join: str | None
) -> tuple[Resource, ...]:
    """
    Return the directories, files and service of *node*.

    The binary and images are pushed before; *artifacts* is their checksum, see :func:`~koprogo_fleet.hosts.k3s.unit.unit`.
    *join* is the URL through which the node joins; None begins a cluster.
    """
    name = unit_name(node.role)
    text = config(fleet, node, public_address=addresses.public, vrack_interface=addresses.vrack_interface, join=join)
    own_token = tokens.server if node.role is Role.SERVER else tokens.agent
    resources: list[Resource] = [
        Directory(paths.CONFIG_DIRECTORY, mode="0700"),
        File(paths.TOKEN, _line(own_token), mode="0600", notify=(RESTART,)),
    ]
    if node.role is Role.SERVER:
        resources.append(File(paths.AGENT_TOKEN, _line(tokens.agent), mode="0600", notify=(RESTART,)))
    return (
        *resources,
        File(paths.CONFIG, text, mode="0600", notify=(RESTART,)),
        File(f"/etc/systemd/system/{name}.service", unit(node.role, artifacts), notify=(RESTART,)),
        K3sService(name),
    )


def joined(fleet: Fleet, node: Node, tokens: Tokens, addresses: Addresses, join: str) -> tuple[Resource, ...]:
    """
    Return the files of a server that began the cluster, as if it had joined; K3s is not restarted for them.

    With etcd's data K3s ignores both ``cluster-init`` and ``server`` (its page "High Availability Embedded etcd"). Should
    the data be lost one day, the first would begin a second cluster, and the second joins the one there is.
    """
    text = config(fleet, node, public_address=addresses.public, vrack_interface=addresses.vrack_interface, join=join)
    return (File(paths.TOKEN, _line(tokens.server), mode="0600"), File(paths.CONFIG, text, mode="0600"))


def _line(secret: Secret) -> Secret:
    return Secret(secret.reveal() + "\n")
