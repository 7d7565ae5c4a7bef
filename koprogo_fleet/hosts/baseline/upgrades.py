"""
Security upgrades that install themselves; what needs a restart of the node waits for its own minutes, see :mod:`.reboots`.

Debian's security updates alone, and nothing that starts the node again: a kernel is installed, and in use after a restart.
"""

from __future__ import annotations

from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File, Service

PACKAGES = ("unattended-upgrades",)
PATH = "/etc/apt/apt.conf.d/60koprogo-upgrades"

# apt merges lists: what Debian's own file allows has to be cleared first.
SETTINGS = """\
// Written by koprogo-fleet. Changes made by hand are undone by the next run.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
#clear Unattended-Upgrade::Origins-Pattern;
Unattended-Upgrade::Origins-Pattern { "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"; };
Unattended-Upgrade::AutoFixInterruptedDpkg "true";
Unattended-Upgrade::Remove-Unused-Kernel-Packages "true";
Unattended-Upgrade::Automatic-Reboot "false";
"""


def upgrades() -> tuple[Resource, ...]:
    """Return unattended-upgrades with its settings, and the two timers of apt that drive it."""
    return (
        File(PATH, SETTINGS),
        Service("apt-daily.timer"),
        Service("apt-daily-upgrade.timer"),
    )
