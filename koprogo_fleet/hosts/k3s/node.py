"""Every resource of K3s on one node, in the order in which it is applied."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from koprogo_fleet.core.fleet import Fleet, Node, Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import hardening, paths, snapshots
from koprogo_fleet.hosts.k3s.config import API_PORT, config
from koprogo_fleet.hosts.k3s.registries import registries
from koprogo_fleet.hosts.k3s.service import RESTART, K3sService
from koprogo_fleet.hosts.k3s.setup import Setup
from koprogo_fleet.hosts.k3s.unit import unit, unit_name
from koprogo_fleet.hosts.k3s.virtual_address import Unavailable, manifest
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Absent, Directory, File


@dataclass(frozen=True)
class Tokens:
    """
    What a node proves with that it belongs to the cluster.

    The server that begins the cluster gets the bare passwords; those that join it get the full form ``K10<CA hash>::<user>:<password>``, with
    which they also check that the server is the right one.
    """

    server: Secret
    agent: Secret


@dataclass(frozen=True)
class Addresses:
    """What was observed of a node's interfaces."""

    public: IPv4Address
    vrack_interface: str


def k3s(  # noqa: PLR0913 - what a node's K3s is made of
    fleet: Fleet,
    node: Node,
    setup: Setup,
    *,
    tokens: Tokens,
    addresses: Addresses,
    artifacts: str,
    join: str | None,
) -> tuple[Resource, ...]:
    """
    Return the directories, files and service of *node*. The API server's files come before what starts it.

    The binary and images are pushed before; *artifacts* is their checksum, see :func:`~koprogo_fleet.hosts.k3s.unit.unit`.
    *join* is the URL through which the node joins; None begins a cluster.
    """
    name = unit_name(node.role)
    text = _config(fleet, node, setup, addresses, join)
    own_token = tokens.server if node.role is Role.SERVER else tokens.agent
    resources: list[Resource] = [
        Directory(paths.CONFIG_DIRECTORY, mode="0700"),
        File(paths.TOKEN, _line(own_token), mode="0600", notify=(RESTART,)),
        _registries(fleet, setup),
    ]
    if node.role is Role.SERVER:
        resources.append(File(paths.AGENT_TOKEN, _line(tokens.agent), mode="0600", notify=(RESTART,)))
        resources += _server(fleet, addresses, setup)
    if setup.unencrypted:
        resources.append(Unavailable("encryption between nodes", setup.unencrypted))
    if node.name in setup.foreign_kernel:
        resources.append(Unavailable("K3s' protect-kernel-defaults", setup.foreign_kernel[node.name]))
    return (
        *resources,
        File(paths.CONFIG, text, mode="0600", notify=(RESTART,)),
        File(f"/etc/systemd/system/{name}.service", unit(node.role, artifacts), notify=(RESTART,)),
        K3sService(name),
    )


def joined(  # noqa: PLR0913 - what its files are made of
    fleet: Fleet, node: Node, setup: Setup, *, tokens: Tokens, addresses: Addresses, join: str
) -> tuple[Resource, ...]:
    """
    Return the files of a server that began the cluster, as if it had joined; K3s is not restarted for them.

    With etcd's data K3s ignores both ``cluster-init`` and ``server`` (its page "High Availability Embedded etcd"). Should
    the data be lost one day, the first would begin a second cluster, and the second joins the one there is.
    """
    text = _config(fleet, node, setup, addresses, join)
    return (File(paths.TOKEN, _line(tokens.server), mode="0600"), File(paths.CONFIG, text, mode="0600"))


def _config(fleet: Fleet, node: Node, setup: Setup, addresses: Addresses, join: str | None) -> str:
    return config(
        fleet, node, setup, public_address=addresses.public, vrack_interface=addresses.vrack_interface, join=join
    )


def _server(fleet: Fleet, addresses: Addresses, setup: Setup) -> list[Resource]:
    """Return the files that only servers have."""
    resources: list[Resource] = [
        Directory(paths.SERVER, mode="0700"),
        Directory(paths.SERVER_LOGS, mode="0700"),
        File(paths.ADMISSION, hardening.admission(fleet.k3s), mode="0600", notify=(RESTART,)),
    ]
    if fleet.k3s.audit:
        resources.append(File(paths.AUDIT_POLICY, hardening.AUDIT_POLICY, mode="0600", notify=(RESTART,)))
    if setup.s3 is not None:
        resources.append(Directory(paths.CONFIG_DROP_INS, mode="0700"))
        resources.append(File(paths.S3_KEYS, snapshots.keys(setup.s3), mode="0600", notify=(RESTART,)))
    elif fleet.backups is None:
        resources.append(Absent(paths.S3_KEYS, notify=(RESTART,)))
    return [*resources, *_virtual_address(fleet, addresses, setup)]


def _virtual_address(fleet: Fleet, addresses: Addresses, setup: Setup) -> list[Resource]:
    """Return the static pod, which the kubelet starts and ends by itself: K3s need not be restarted for it."""
    address = fleet.k3s.virtual_address
    if address is None:
        return [Absent(paths.VIRTUAL_ADDRESS)]
    if setup.no_virtual_address:
        return [Absent(paths.VIRTUAL_ADDRESS), Unavailable(f"virtual address {address}", setup.no_virtual_address)]
    text = manifest(address, addresses.vrack_interface, API_PORT)
    return [File(paths.VIRTUAL_ADDRESS, text, mode="0600")]


def _registries(fleet: Fleet, setup: Setup) -> Resource:
    if fleet.k3s.registries is None:
        return Absent(paths.REGISTRIES, notify=(RESTART,))
    text = registries(fleet.k3s.registries, setup.credentials)
    return File(paths.REGISTRIES, text, mode="0600", notify=(RESTART,))


def _line(secret: Secret) -> Secret:
    return Secret(secret.reveal() + "\n")
