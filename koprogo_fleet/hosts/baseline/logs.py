"""
What logs may take of the disk: the journal's, and the files that programs write beside it.

Packages bring logrotate's rules for their own files. The logs of containers are the kubelet's to rotate, and containerd's
K3s rotates itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File, Service

RESTART_JOURNALD = "restart journald"
RESTART_SCRIPT = "systemctl restart systemd-journald"
PATH = "/etc/systemd/journald.conf.d/60-koprogo.conf"

JOURNAL: Mapping[str, str] = {
    "Storage": "persistent",
    "Compress": "yes",
    "ForwardToSyslog": "no",
    "SystemMaxUse": "1G",
    "SystemKeepFree": "2G",
    "SystemMaxFileSize": "64M",
    "RuntimeMaxUse": "64M",
    "MaxRetentionSec": "90day",
}
"""K3s writes much: without a limit the journal takes a tenth of the disk (journald.conf(5), SystemMaxUse=)."""


def logs() -> tuple[Resource, ...]:
    """Return the limits."""
    journal = "".join(f"{key}={value}\n" for key, value in JOURNAL.items())
    return (
        File(PATH, f"{HEADER}[Journal]\n{journal}", notify=(RESTART_JOURNALD,)),
        Service("logrotate.timer"),
    )
