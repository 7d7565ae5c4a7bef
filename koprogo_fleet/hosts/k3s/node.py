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


def k3s(fleet: Fleet, node: Node, tokens: Tokens, addresses: Addresses, artifacts: str) -> tuple[Resource, ...]:
    """
    Return the directories, files and service of *node*.

    The binary and images are pushed before; *artifacts* is their checksum, see :func:`~koprogo_fleet.hosts.k3s.unit.unit`.
    """
    name = unit_name(node.role)
    text = config(fleet, node, public_address=addresses.public, vrack_interface=addresses.vrack_interface)
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


def _line(secret: Secret) -> Secret:
    return Secret(secret.reveal() + "\n")
