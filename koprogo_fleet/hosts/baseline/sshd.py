"""sshd: keys only, no root, only people who are named, no forwarding but what the API tunnel needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File

RELOAD_SSHD = "reload sshd"
RELOAD_SCRIPT = "sshd -t\nsystemctl reload ssh"
"""With all files together: an sshd that reads what it does not understand would not start again."""

DROP_IN = "/etc/ssh/sshd_config.d/10-koprogo.conf"

SETTINGS = {
    "PermitRootLogin": "no",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "PermitEmptyPasswords": "no",
    "PermitUserEnvironment": "no",
    "HostbasedAuthentication": "no",
    "GSSAPIAuthentication": "no",
    "IgnoreRhosts": "yes",
    "UsePAM": "yes",
    "LogLevel": "VERBOSE",
    "MaxAuthTries": "4",
    "MaxSessions": "10",
    "MaxStartups": "10:30:60",
    "LoginGraceTime": "30",
    "X11Forwarding": "no",
    "AllowAgentForwarding": "no",
    "AllowTcpForwarding": "local",
    "ClientAliveInterval": "60",
    "ClientAliveCountMax": "3",
    "Ciphers": "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr",
    "MACs": "hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512,hmac-sha2-256",
    "KexAlgorithms": (
        "sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp521,"
        "ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256"
    ),
}


def settings(users: Sequence[str]) -> Mapping[str, str]:
    """Return what sshd is told, so that only *users* log in; where nobody is named, whoever has a key, root included."""
    allowed = {"AllowUsers": " ".join(users)} if users else {}
    root = {"PermitRootLogin": "prohibit-password"} if not users or "root" in users else {}
    return {**SETTINGS, **root, **allowed}


def users_of(fleet: Fleet) -> Sequence[str]:
    """Return who logs in: the fleet's own user, which every run proves to be there, and its people."""
    return tuple(dict.fromkeys((fleet.ssh.user, *(person.name for person in fleet.people))))


def sshd(users: Sequence[str] = ()) -> tuple[Resource, ...]:
    """Return the drop-in file; it is checked by ``sshd -t`` before it takes the old one's place."""
    content = HEADER + "".join(f"{key} {value}\n" for key, value in settings(users).items())
    return (File(DROP_IN, content, validate="sshd -t -f %s", notify=(RELOAD_SSHD,)),)
