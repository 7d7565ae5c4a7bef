"""
Kernel modules and settings: what K3s needs, what its CIS hardening guide wants, and what the CIS benchmark of Debian wants.

K3s' guide ("CIS Hardening Guide", "Host-level Requirements") names the four settings of :data:`KUBELET`: with
``protect-kernel-defaults`` the kubelet does not start where they are otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.baseline.storage import needs_storage
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File, KernelModules, OwnKernel, SwapOff, Sysctl

MODULES = ("overlay", "br_netfilter")
KUBELET_FILE = "/etc/sysctl.d/90-koprogo.conf"
KUBELET = {
    "vm.panic_on_oom": "0",
    "vm.overcommit_memory": "1",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
}
SETTINGS = {"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.forwarding": "1", **KUBELET}

NETWORK_FILE = "/etc/sysctl.d/91-koprogo-network.conf"
MEMORY_FILE = "/etc/sysctl.d/92-koprogo-memory.conf"
MEMORY = {"kernel.randomize_va_space": "2", "kernel.yama.ptrace_scope": "1", "fs.suid_dumpable": "0"}


def _everywhere(setting: str, value: str, versions: str = "46") -> Mapping[str, str]:
    """Return a setting for all interfaces, and for those to come."""
    return {f"net.ipv{version}.conf.{where}.{setting}": value for version in versions for where in ("all", "default")}


NETWORK = {
    **_everywhere("send_redirects", "0", "4"),
    "net.ipv4.icmp_ignore_bogus_error_responses": "1",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1",
    **_everywhere("accept_redirects", "0"),
    **_everywhere("secure_redirects", "0", "4"),
    **_everywhere("rp_filter", "1", "4"),
    **_everywhere("accept_source_route", "0"),
    **_everywhere("log_martians", "1", "4"),
    "net.ipv4.tcp_syncookies": "1",
    **_everywhere("accept_ra", "0", "6"),
}

UFW_FILE = "/etc/ufw/sysctl.conf"
"""What ufw sets whenever it starts; as it comes it undoes a part of :data:`NETWORK`."""

UNUSED_FILE = "/etc/modprobe.d/koprogo-unused.conf"
UNUSED = (
    *("cramfs", "freevxfs", "hfs", "hfsplus", "jffs2", "udf", "usb-storage"),
    *("dccp", "tipc", "rds", "sctp"),
)
"""File systems and protocols that no node of a cluster uses."""


def kernel(fleet: Fleet, node: Node) -> tuple[Resource, ...]:
    """Return modules, settings, and swap switched off (the kubelet's own requirement)."""
    wanted = list(MODULES)
    if fleet.k3s.flannel_backend == "wireguard-native":
        wanted.append("wireguard")
    if needs_storage(node):
        wanted.append("iscsi_tcp")
    unused = "".join(f"install {name} /bin/false\nblacklist {name}\n" for name in UNUSED)
    return (
        KernelModules(tuple(wanted)),
        OwnKernel(File(UNUSED_FILE, HEADER + unused), "a container has its host's kernel modules"),
        Sysctl(SETTINGS, KUBELET_FILE),
        Sysctl(NETWORK, NETWORK_FILE),
        File(UFW_FILE, HEADER + "".join(f"{key.replace('.', '/')}={value}\n" for key, value in NETWORK.items())),
        Sysctl(MEMORY, MEMORY_FILE),
        File("/etc/security/limits.d/60-koprogo-core.conf", f"{HEADER}* hard core 0\n"),
        SwapOff(),
    )
