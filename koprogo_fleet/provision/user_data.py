"""What cloud-init is told at a node's first boot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from koprogo_fleet.core.secret import Secret


@dataclass(frozen=True)
class NodeIdentity:
    """
    Who a node is at its first boot.

    Attributes:
        user: the account that we log in with; gets sudo without a password, and no password.
        authorized_key: the OpenSSH line that may log in as *user*.
        host_private_key: OpenSSH PEM, ed25519.
        host_public_key: its OpenSSH line.
        vrack_gateway: the subnet's gateway address, which must not become a default route.
        files: what cloud-init writes besides, as its ``write_files`` wants it; nothing of it is secret.
    """

    hostname: str
    user: str
    authorized_key: str
    host_private_key: Secret
    host_public_key: str
    files: Sequence[Mapping[str, str]] = ()
    vrack_gateway: IPv4Address | None = None


def user_data(identity: NodeIdentity) -> Secret:
    """
    Return the ``#cloud-config`` document; a secret, because it holds the host's private key.

    The host key comes from us so that it is known before the first connection. JSON is YAML, without its surprises.
    """
    document: dict[str, Any] = {
        "hostname": identity.hostname,
        "preserve_hostname": False,
        "manage_etc_hosts": False,  # /etc/hosts is ours: cloud-init would map the name to 127.0.1.1
        "locale": "C.UTF-8",  # the only one that a minimal image has
        "package_update": False,
        "package_upgrade": False,
        "ssh_pwauth": False,
        "disable_root": True,
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": identity.host_private_key.reveal(),
            "ed25519_public": identity.host_public_key,
        },
        "ssh_authorized_keys": [identity.authorized_key],
        "write_files": list(identity.files),
        "users": [
            "default",
            {
                "name": identity.user,
                "shell": "/bin/bash",
                "lock_passwd": True,
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "ssh_authorized_keys": [identity.authorized_key],
            },
        ],
    }
    if identity.vrack_gateway is not None:  # OVH tells both NICs a gateway, and the answers to SSH must leave by one
        script = f"while ip -4 route del default via {identity.vrack_gateway} 2>/dev/null; do :; done"
        document["bootcmd"] = [["sh", "-c", script]]
    return Secret("#cloud-config\n" + json.dumps(document, indent=2) + "\n")
