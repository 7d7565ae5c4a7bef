"""sshd by certificates: it lets in whom an authority signed, and shows what another one signed for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.baseline.sshd import RELOAD_SSHD
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File

# Not named ssh_host_*: cloud-init deletes such files at the first boot (ssh_deletekeys).
USER_CA = "/etc/ssh/koprogo_user_ca.pub"
HOST_CERTIFICATE = "/etc/ssh/koprogo_host_certificate.pub"
DROP_IN = "/etc/ssh/sshd_config.d/20-koprogo-certificates.conf"


@dataclass(frozen=True)
class Certificates:
    """
    What a node has to know and to show; nothing of it is secret.

    Attributes:
        user_ca: the public line of the authority for users; whom it signs for a user's name is let in as that user.
        host_certificate: for the node's ed25519 host key, by the authority for hosts.
    """

    user_ca: str
    host_certificate: str


def contents(certificates: Certificates) -> Mapping[str, str]:
    """Return the files by their paths; the one that names the others comes last."""
    return {
        USER_CA: f"{certificates.user_ca}\n",
        HOST_CERTIFICATE: f"{certificates.host_certificate}\n",
        DROP_IN: f"{HEADER}TrustedUserCAKeys {USER_CA}\nHostCertificate {HOST_CERTIFICATE}\n",
    }


def write_files(certificates: Certificates) -> list[dict[str, str]]:
    """Return the files as cloud-init's ``write_files`` wants them: they are there before sshd first starts."""
    return [
        {"path": path, "content": content, "permissions": "0644"} for path, content in contents(certificates).items()
    ]


def certified(certificates: Certificates) -> tuple[Resource, ...]:
    """Return the files as resources: for a node that was made without them, or whose certificate is renewed."""
    return tuple(
        File(path, content, validate="sshd -t -f %s" if path == DROP_IN else None, notify=(RELOAD_SSHD,))
        for path, content in contents(certificates).items()
    )
