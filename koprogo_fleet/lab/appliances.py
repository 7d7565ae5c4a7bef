"""
Places for OVH's own machines in a lab's networks: a network namespace each, in which threads of the emulator work.

A namespace has a NIC with an address in each network, as a machine's has, and no process of its own: what listens there
ends with the emulator. ``lab down`` finds namespaces and NICs by their names, as it finds those of machines.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from koprogo_fleet.lab.commands import run
from koprogo_fleet.lab.machines import Port
from koprogo_fleet.lab.network import FIRST_NIC, LabNetwork, namespace_name, namespaces
from koprogo_fleet.lab.paths import LabPaths

_PREFIX = "lb-"
_CLONE_NEWNET = 0x40000000  # linux/sched.h


class LabAppliances:
    """Implements :class:`koprogo_fleet.lab.machines.Appliances` for one lab."""

    def __init__(self, paths: LabPaths) -> None:
        self._network = LabNetwork(paths)

    def ensure(self, appliance_id: str, ports: tuple[Port, ...]) -> Callable[[], None]:
        """Have a namespace with these ports; return what a thread calls to enter it."""
        name = _PREFIX + appliance_id
        namespace = self._network.connect(name, ports)
        _ip(namespace, "link", "set", "lo", "up")
        for index, port in enumerate(ports):
            _address(namespace, f"ens{FIRST_NIC + index}", port)
        surplus = _nics(namespace)[len(ports) :]
        for nic in surplus:
            _ip(namespace, "link", "delete", nic)
        return partial(_enter, namespace)

    def remove(self, appliance_id: str) -> None:
        """Remove the namespace and its NICs."""
        name = _PREFIX + appliance_id
        number = self._network.number
        namespace = Path("/run/netns") / namespace_name(number, name)
        if namespace.name in namespaces(number):
            for nic in _nics(namespace):  # first, since a namespace takes its NICs with it only some time later
                _ip(namespace, "link", "delete", nic)
        self._network.disconnect(name, ())

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all appliances that have a namespace."""
        start = namespace_name(self._network.number, _PREFIX)
        return tuple(name.removeprefix(start) for name in namespaces(self._network.number) if name.startswith(start))


def mac_of(appliance_id: str, network_id: str) -> str:
    """Return the MAC address of an appliance in a network: always the same, with OpenStack's first half."""
    digest = hashlib.sha256(f"{appliance_id}/{network_id}".encode()).hexdigest()
    return f"fa:16:3e:{digest[0:2]}:{digest[2:4]}:{digest[4:6]}"


def _ip(namespace: Path, *arguments: str) -> str:
    return run(["ip", "-netns", namespace.name, *arguments])


def _nics(namespace: Path) -> list[str]:
    links = (link["ifname"] for link in json.loads(_ip(namespace, "-json", "link", "show")))
    return sorted(name for name in links if name.startswith("ens"))


def _address(namespace: Path, nic: str, port: Port) -> None:
    """Give a NIC this address alone, and its network's gateway where it has one."""
    _ip(namespace, "link", "set", nic, "up")
    shown = json.loads(_ip(namespace, "-json", "-4", "address", "show", "dev", nic))
    for item in [
        item for link in shown for item in link["addr_info"]
    ]:  # before the new one, which would go with the first of its network
        if item["local"] != str(port.address):
            _ip(namespace, "address", "delete", f"{item['local']}/{item['prefixlen']}", "dev", nic)
    _ip(namespace, "address", "replace", f"{port.address}/{port.prefix_length}", "dev", nic)
    if port.gateway is not None:
        _ip(namespace, "route", "replace", "default", "via", str(port.gateway), "dev", nic)


def _enter(namespace: Path) -> None:
    """
    Move this thread into a namespace: sockets that it makes from now on are there.

    Raises:
        OSError: it is gone, or we are not root.
    """
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12
    with namespace.open() as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(namespace))
