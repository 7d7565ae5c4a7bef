"""
What the baseline stands for, control by control, and the resources that make each of them so.

Numbers are those of the CIS Debian Linux 12 Benchmark v1.1.0, and the headings of K3s' "CIS Hardening Guide". A control
without a number is one that no guide has and the fleet needs. What is told of a control is what was found of its resources:
nothing is asked of a node for the report that the baseline does not ask anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.hosts.baseline import (
    audit,
    ban,
    kernel,
    logs,
    node_ports,
    people,
    permissions,
    sshd,
    storage,
    upgrades,
)
from koprogo_fleet.hosts.baseline.audit_controls import AUDITED

CIS = "CIS Debian 12"
K3S = "K3s CIS guide"
FLEET = "fleet"


@dataclass(frozen=True)
class Made:
    """
    What makes a control so: the resources whose names begin with *resource*.

    *keys* are the words by which a resource that stands for many controls tells them apart: the names of settings.
    """

    resource: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Control:
    """
    One line of the report.

    Attributes:
        guide: whose *number* it is.
        number: in that guide; empty for the fleet's own.
        title: what is so.
        by: what makes it so.
        not_here: why it is left out on purpose; there is nothing that makes it so then.
    """

    guide: str
    number: str
    title: str
    by: tuple[Made, ...] = ()
    not_here: str = ""


def _settings(number: str, title: str, file: str, *keys: str) -> Control:
    by = (Made(f"kernel settings of {file}", keys),)
    ufw = (Made(f"file {kernel.UFW_FILE}", keys),) if file == kernel.NETWORK_FILE else ()
    return Control(CIS, number, title, (*by, *ufw))


def _sshd(number: str, title: str, *keys: str) -> Control:
    return Control(CIS, number, title, (Made(f"file {sshd.DROP_IN}", keys),))


def _unused(number: str, module: str) -> Control:
    return Control(
        CIS, number, f"{module} kernel module is not available", (Made(f"file {kernel.UNUSED_FILE}", (f" {module}",)),)
    )


def _fleet(title: str, *by: Made) -> Control:
    return Control(FLEET, "", title, by)


_NETWORK = kernel.NETWORK_FILE
_UNUSED_NUMBERS = {
    **{f"1.1.1.{number}": module for number, module in zip((1, 2, 3, 4, 5, 8, 9), kernel.UNUSED[:7], strict=True)},
    **{f"3.2.{number}": module for number, module in enumerate(kernel.UNUSED[7:], start=1)},
}
_CRON_NUMBERS = zip(range(3, 8), permissions.CRON, strict=True)

CONTROLS: tuple[Control, ...] = (
    *(_unused(number, module) for number, module in _UNUSED_NUMBERS.items()),
    Control(CIS, "1.1.1.6", "overlay kernel module is not available", not_here="containerd's images are overlays"),
    _settings("1.5.1", "Address space layout is randomized", kernel.MEMORY_FILE, "kernel.randomize_va_space"),
    _settings("1.5.2", "ptrace_scope is restricted", kernel.MEMORY_FILE, "kernel.yama.ptrace_scope"),
    Control(
        CIS,
        "1.5.3",
        "Core dumps are restricted",
        (
            Made(f"kernel settings of {kernel.MEMORY_FILE}", ("fs.suid_dumpable",)),
            Made("file /etc/security/limits.d/60-koprogo-core.conf"),
        ),
    ),
    Control(
        CIS, "2.1.12", "rpcbind services are not in use", tuple(Made(f"masked unit {u}") for u in storage.PORTMAPPER)
    ),
    Control(
        CIS,
        "2.3.3.3",
        "chrony is enabled and running",
        (Made("packages ", ("package chrony",)), Made("service chrony")),
    ),
    *(
        Control(CIS, f"2.4.1.{number}", f"Permissions on {path} are configured", (Made(f"directory {path}"),))
        for number, path in _CRON_NUMBERS
    ),
    Control(CIS, "3.3.1", "ip forwarding is disabled", not_here="a node of a cluster forwards its pods' packets"),
    _settings("3.3.2", "Packet redirect sending is disabled", _NETWORK, "send_redirects"),
    _settings("3.3.3", "Bogus icmp responses are ignored", _NETWORK, "icmp_ignore_bogus"),
    _settings("3.3.4", "Broadcast icmp requests are ignored", _NETWORK, "icmp_echo_ignore_broadcasts"),
    _settings("3.3.5", "icmp redirects are not accepted", _NETWORK, "accept_redirects"),
    _settings("3.3.6", "Secure icmp redirects are not accepted", _NETWORK, "secure_redirects"),
    _settings("3.3.7", "Reverse path filtering is enabled", _NETWORK, "rp_filter"),
    _settings("3.3.8", "Source routed packets are not accepted", _NETWORK, "accept_source_route"),
    _settings("3.3.9", "Suspicious packets are logged", _NETWORK, "log_martians"),
    _settings("3.3.10", "tcp syn cookies are enabled", _NETWORK, "tcp_syncookies"),
    _settings("3.3.11", "ipv6 router advertisements are not accepted", _NETWORK, "accept_ra"),
    Control(
        CIS, "4.2.1", "ufw is installed", (Made("packages ", ("package ufw",)), Made("firewall", ("not installed",)))
    ),
    Control(CIS, "4.2.3", "ufw service is enabled", (Made("firewall", ("change firewall:",)),)),
    Control(CIS, "4.2.6", "ufw firewall rules exist for all open ports", (Made("firewall", ("firewall rule",)),)),
    Control(CIS, "4.2.7", "ufw default deny firewall policy", (Made("firewall", ("firewall default",)),)),
    _sshd("5.1.4", "sshd access is configured", "AllowUsers"),
    _sshd("5.1.6", "sshd Ciphers are configured", "Ciphers"),
    _sshd("5.1.7", "sshd ClientAliveInterval and ClientAliveCountMax are configured", "ClientAlive"),
    Control(
        CIS, "5.1.8", "sshd DisableForwarding is enabled", not_here="kubectl reaches the API through an SSH tunnel"
    ),
    _sshd("5.1.9", "sshd GSSAPIAuthentication is disabled", "GSSAPIAuthentication"),
    _sshd("5.1.10", "sshd HostbasedAuthentication is disabled", "HostbasedAuthentication"),
    _sshd("5.1.11", "sshd IgnoreRhosts is enabled", "IgnoreRhosts"),
    _sshd("5.1.12", "sshd KexAlgorithms is configured", "KexAlgorithms"),
    _sshd("5.1.13", "sshd LoginGraceTime is configured", "LoginGraceTime"),
    _sshd("5.1.14", "sshd LogLevel is configured", "LogLevel"),
    _sshd("5.1.15", "sshd MACs are configured", "MACs"),
    _sshd("5.1.16", "sshd MaxAuthTries is configured", "MaxAuthTries"),
    _sshd("5.1.17", "sshd MaxSessions is configured", "MaxSessions"),
    _sshd("5.1.18", "sshd MaxStartups is configured", "MaxStartups"),
    _sshd("5.1.19", "sshd PermitEmptyPasswords is disabled", "PermitEmptyPasswords"),
    _sshd("5.1.20", "sshd PermitRootLogin is disabled", "PermitRootLogin"),
    _sshd("5.1.21", "sshd PermitUserEnvironment is disabled", "PermitUserEnvironment"),
    _sshd("5.1.22", "sshd UsePAM is enabled", "UsePAM"),
    Control(CIS, "6.1.1.3", "journald log file rotation is configured", (Made(f"file {logs.PATH}"),)),
    Control(CIS, "6.1.2.2", "journald ForwardToSyslog is disabled", (Made(f"file {logs.PATH}", ("ForwardToSyslog",)),)),
    Control(CIS, "6.1.2.3", "journald Compress is configured", (Made(f"file {logs.PATH}", ("Compress",)),)),
    Control(CIS, "6.1.2.4", "journald Storage is configured", (Made(f"file {logs.PATH}", ("Storage",)),)),
    Control(
        CIS,
        "6.1.3.8",
        "logrotate is configured",
        (Made("packages ", ("package logrotate",)), Made("service logrotate")),
    ),
    Control(CIS, "6.2.1.1", "auditd packages are installed", (Made("packages auditd"),)),
    Control(CIS, "6.2.1.2", "auditd service is enabled and active", (Made("service auditd"),)),
    *(Control(CIS, number, title, (Made(f"file {audit.PATH}", keys),)) for number, title, keys in AUDITED),
    Control(
        CIS, "6.2.3.20", "The audit configuration is immutable", not_here="each change of a rule would need a restart"
    ),
    Control(
        K3S,
        "Host-level requirements",
        "protect-kernel-defaults: the kubelet's kernel settings",
        (Made(f"kernel settings of {kernel.KUBELET_FILE}"),),
    ),
    _fleet("The vRack address is on the right interface", Made("vRack address")),
    _fleet("The node has its own name, and knows its peers", Made("hostname"), Made("file /etc/hosts")),
    _fleet("The clock goes right", Made("clock")),
    _fleet("Kernel modules of K3s and Longhorn are loaded", Made("kernel modules")),
    _fleet("Swap is off", Made("swap")),
    _fleet("NodePorts are open to the load balancer alone", Made(f"nftables table {node_ports.TABLE}")),
    _fleet(
        "fail2ban shuts out who fails to log in",
        Made("packages ", tuple(f"package {name}" for name in ban.PACKAGES)),
        Made("fail2ban jail sshd"),
        Made("service fail2ban"),
    ),
    _fleet("Only keys log in", Made(f"file {sshd.DROP_IN}", ("PasswordAuthentication", "KbdInteractive"))),
    _fleet("Host and user certificates are as fleet.yaml says", Made("host certificate"), Made("path /etc/ssh/")),
    _fleet(
        "People are those of fleet.yaml",
        *(
            Made(name)
            for name in (
                "group koprogo-",
                "logins of people",
                "user ",
                "authorized keys",
                f"file {people.SUDOERS}",
                f"path {people.SUDOERS}",
            )
        ),
    ),
    _fleet(
        "Security upgrades install themselves",
        Made(f"file {upgrades.PATH}"),
        Made("packages ", ("package unattended-upgrades",)),
        Made("service apt-daily"),
    ),
    _fleet(
        "A node restarts only in minutes of its own",
        *(
            Made(name)
            for name in ("service koprogo-reboot", "timer koprogo-reboot", "file /usr/local/sbin/koprogo-reboot")
        ),
    ),
    _fleet(
        "Longhorn has iSCSI, NFS, and disks that multipathd leaves alone",
        Made("packages ", tuple(f"package {name}" for name in storage.PACKAGES)),
        Made("service iscsid"),
        Made("file /etc/multipath/"),
    ),
    _fleet("Longhorn's disk is mounted by its UUID", Made("disk at")),
)
