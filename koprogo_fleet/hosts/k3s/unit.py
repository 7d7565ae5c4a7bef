"""The systemd unit that K3s' own install script writes (key by key: install.sh, ``create_systemd_service_file``)."""

from __future__ import annotations

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s import paths


def unit_name(role: Role) -> str:
    """Return the name that K3s gives the unit of a server or an agent."""
    return "k3s" if role is Role.SERVER else "k3s-agent"


def unit(role: Role, artifacts: str) -> str:
    """
    Return the text of the unit. ``KillMode=process`` lets pods live on while K3s restarts.

    Args:
        role: of the node.
        artifacts: a checksum of the binary and images, which K3s reads at its start: with another one the unit
            differs, and so K3s is restarted.
    """
    name = unit_name(role)
    return f"""\
# Written by koprogo-fleet. Binary and images: {artifacts}
[Unit]
Description=Lightweight Kubernetes
Documentation=https://k3s.io
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-/etc/systemd/system/{name}.service.env
KillMode=process
Delegate=yes
User=root
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart={paths.BINARY} {role.value}
"""
