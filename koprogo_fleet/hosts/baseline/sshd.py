"""sshd: keys only, no root password, no forwarding but what the API tunnel needs."""

from __future__ import annotations

from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File

RELOAD_SSHD = "reload sshd"

SETTINGS = {
    "PermitRootLogin": "prohibit-password",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "PermitEmptyPasswords": "no",
    "MaxAuthTries": "4",
    "LoginGraceTime": "30",
    "X11Forwarding": "no",
    "AllowAgentForwarding": "no",
    "AllowTcpForwarding": "local",
    "ClientAliveInterval": "60",
    "ClientAliveCountMax": "3",
}


def sshd() -> tuple[Resource, ...]:
    """Return the drop-in file; it is checked by ``sshd -t`` before it takes the old one's place."""
    content = HEADER + "".join(f"{key} {value}\n" for key, value in SETTINGS.items())
    return (File("/etc/ssh/sshd_config.d/10-koprogo.conf", content, validate="sshd -t -f %s", notify=(RELOAD_SSHD,)),)
