"""
The disk that Longhorn keeps its replicas on, and what Longhorn needs beside it.

Longhorn's "Installation Requirements": open-iscsi with its daemon and the module iscsi_tcp, and an NFSv4 client for
volumes that many pods write to. Its knowledge base, "Troubleshooting: MountVolume.SetUp failed for volume due to
multipathd on the node": multipathd must leave the disks alone that iSCSI makes.
"""

from __future__ import annotations

from koprogo_fleet.core.fleet import Node, Role
from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Disk, File, Masked, OwnKernel, Service

LONGHORN = "/var/lib/longhorn"
RELOAD_MULTIPATH = "reload multipathd"
RELOAD_SCRIPT = "! systemctl --quiet is-active multipathd || systemctl reload multipathd"
PORTMAPPER = ("rpcbind.socket", "rpcbind.service")
PACKAGES = ("open-iscsi", "nfs-common")


def needs_storage(node: Node) -> bool:
    """Return whether pods with volumes run on *node*: control planes let none run."""
    return node.role is Role.AGENT or node.volume is not None


def before_packages(node: Node) -> tuple[Resource, ...]:
    """Return what keeps the NFS client's package from starting a portmapper: Longhorn's exports, of NFS 4, ask none."""
    return tuple(Masked(unit) for unit in PORTMAPPER) if needs_storage(node) else ()


def storage(node: Node, volume_id: str | None) -> tuple[Resource, ...]:
    """
    Return what Longhorn needs on *node*, with its mounted volume if it has one.

    The hypervisor gives the first 20 characters of the volume's id as the disk's serial number, so that the disk is
    found whatever letter it got. It is formatted only when it is empty, and mounted by its UUID.
    """
    disk = () if volume_id is None else (Disk(f"/dev/disk/by-id/virtio-{volume_id[:20]}", LONGHORN, label="longhorn"),)
    if not needs_storage(node):
        return disk
    blacklist = f'{HEADER}blacklist {{\n    devnode "^sd[a-z0-9]+"\n}}\n'
    return (
        OwnKernel(Service("iscsid"), "iSCSI sessions belong to the host's kernel, which a container does not have"),
        File("/etc/multipath/conf.d/koprogo.conf", blacklist, notify=(RELOAD_MULTIPATH,)),
        *disk,
    )
