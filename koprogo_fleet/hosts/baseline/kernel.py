"""Kernel modules and settings that K3s needs (its CIS hardening guide names the last four)."""

from __future__ import annotations

from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import KernelModules, SwapOff, Sysctl

MODULES = ("overlay", "br_netfilter")
SETTINGS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.forwarding": "1",
    "vm.panic_on_oom": "0",
    "vm.overcommit_memory": "1",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
}


def kernel() -> tuple[Resource, ...]:
    """Return modules, settings, and swap switched off (the kubelet's own requirement)."""
    return (KernelModules(MODULES), Sysctl(SETTINGS, "/etc/sysctl.d/90-koprogo.conf"), SwapOff())
