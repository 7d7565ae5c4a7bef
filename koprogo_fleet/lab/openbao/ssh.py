"""What the lab's two SSH authorities may sign."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from koprogo_fleet.lab.openbao.api import SSH_HOST_MOUNT, SSH_USER_MOUNT

USERS: Mapping[str, object] = MappingProxyType(
    {
        "allow_user_certificates": True,
        "allowed_users": "debian",
        # none is asked for, so these are given: a terminal, and the tunnel to the Kubernetes API
        "default_extensions": {"permit-pty": "", "permit-port-forwarding": ""},
        "ttl": "30m",
        "max_ttl": "8h",
    }
)
HOSTS: Mapping[str, object] = MappingProxyType(
    {
        "allow_host_certificates": True,
        "allowed_domains": "*",  # the nodes of whatever fleet the lab is given, by name and address
        "ttl": "8760h",
        "max_ttl": "8760h",
    }
)
SSH_ROLES: Mapping[str, Mapping[str, object]] = MappingProxyType({SSH_USER_MOUNT: USERS, SSH_HOST_MOUNT: HOSTS})
