"""
The networks of a lab on the host: a bridge each, with the host as gateway of the public one.

A lab has a number, unique on the host. Its public network is 198.18.NUMBER.0/24, of the range that is kept for tests
of networks and so used nowhere, and ``klNUMBER-`` begins the name of each of its interfaces: what belongs to a lab can
be found, and removed, even when the lab's files are gone.
"""

from __future__ import annotations

import hashlib
import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab import firewall, host_settings
from koprogo_fleet.lab.commands import run
from koprogo_fleet.lab.locks import exclusive
from koprogo_fleet.lab.machines import PUBLIC_NETWORK, Port
from koprogo_fleet.lab.paths import LabPaths, labs_dir
from koprogo_fleet.lab.uplink import ETHERNET_MTU, uplink_mtu

RANGE = IPv4Network("198.18.0.0/16")
FIRST_NIC = 3  # the first NIC of an OVH instance is ens3


def subnet_of(number: int) -> IPv4Network:
    """Return the public network of the lab with this *number* (0 to 255)."""
    return list(RANGE.subnets(new_prefix=24))[number]


def interface_prefix(number: int) -> str:
    """Return how the names of all interfaces of the lab with this *number* begin."""
    return f"kl{number}-"


def bridge_name(number: int, network_id: str) -> str:
    """Return the name of a network's bridge: at most 15 characters, as the kernel wants it."""
    return interface_prefix(number) + ("public" if network_id == PUBLIC_NETWORK else f"n{_digest(network_id)}")


def veth_name(number: int, machine_id: str, index: int) -> str:
    """Return the name of the host's end of a machine's NIC number *index*, at most 15 characters."""
    return f"{interface_prefix(number)}v{_digest(f'{machine_id}/{index}')}"


def namespace_name(number: int, machine_id: str) -> str:
    """Return the name of a machine's network namespace."""
    return f"{interface_prefix(number)}{machine_id}"


class LabNetwork:
    """
    The bridges of one lab, and its machines' NICs on them.

    Raises:
        KoprogoError: by all but :meth:`up` and :meth:`down`: the lab is not up.
    """

    def __init__(self, paths: LabPaths) -> None:
        self._paths = paths

    @property
    def number(self) -> int:
        """The number of the lab on this host."""
        number = _number_of(self._paths.network)
        if number is None:
            raise KoprogoError(
                f"the lab {self._paths.name} is not up",
                next_step=f"koprogo-fleet lab up --lab {self._paths.name}",
            )
        return number

    @property
    def subnet(self) -> IPv4Network:
        """The public network."""
        return subnet_of(self.number)

    @property
    def gateway(self) -> IPv4Address:
        """The host's address in the public network."""
        return self.subnet[1]

    def up(self, listener: Listener = ignore) -> None:
        """Choose the lab's number at the first time, make the public bridge, and let the nodes out."""
        with exclusive(labs_dir() / ".lock", "choosing the lab's network", listener):
            if _number_of(self._paths.network) is None:
                write_atomically(self._paths.network, json.dumps({"number": _free_number()}))
                listener(Note(f"the lab {self._paths.name} has the public network {self.subnet}"))
            host_settings.apply(_former_settings())
        self.ensure_bridge(PUBLIC_NETWORK)
        firewall.open_way_out(self._paths.name, self.subnet, interface_prefix(self.number))

    def down(self) -> None:
        """Remove every bridge, NIC and rule of the lab, give its number back, and the host's settings with the last lab."""
        with exclusive(labs_dir() / ".lock", "giving the lab's network back"):
            number = _number_of(self._paths.network)
            if number is not None:
                for interface in interfaces(number):
                    run(["ip", "link", "delete", interface])
                for namespace in namespaces(number):
                    run(["ip", "netns", "delete", namespace])
            firewall.close_way_out(self._paths.name)
            self._paths.network.unlink(missing_ok=True)
            if not any(labs_dir().glob("*/network.json")):
                host_settings.restore(_former_settings())

    def ensure_bridge(self, network_id: str) -> None:
        """Make the bridge of a network unless it is there."""
        bridge = bridge_name(self.number, network_id)
        try:
            run(["ip", "link", "add", bridge, "type", "bridge"])
        except KoprogoError:
            if not _exists(bridge):  # two machines may boot at once
                raise
        if network_id == PUBLIC_NETWORK:
            run(["ip", "address", "replace", f"{self.gateway}/{self.subnet.prefixlen}", "dev", bridge])
        run(["ip", "link", "set", bridge, "mtu", str(_mtu(network_id)), "up"])

    def remove_bridge(self, network_id: str) -> None:
        """Remove the bridge of a network; NICs that are still on it lose their connection."""
        bridge = bridge_name(self.number, network_id)
        if _exists(bridge):
            run(["ip", "link", "delete", bridge])

    def connect(self, machine_id: str, ports: tuple[Port, ...]) -> Path:
        """
        Make a machine's network namespace, with a NIC for each port on that port's bridge, as far as it is not there.

        Returns:
            The namespace's file. The NICs in it are ens3, ens4, … and have no addresses.
        """
        namespace = namespace_name(self.number, machine_id)
        if namespace not in namespaces(self.number):
            run(["ip", "netns", "add", namespace])
        for index, port in enumerate(ports):
            self.ensure_bridge(port.network_id)
            veth = veth_name(self.number, machine_id, index)
            mtu = str(_mtu(port.network_id))
            if not _exists(veth):
                inner = ("name", f"ens{FIRST_NIC + index}", "netns", namespace, "address", port.mac, "mtu", mtu)
                run(["ip", "link", "add", veth, "mtu", mtu, "type", "veth", "peer", *inner])
            run(["ip", "link", "set", veth, "master", bridge_name(self.number, port.network_id), "up"])
        return Path("/run/netns") / namespace

    def disconnect(self, machine_id: str, ports: tuple[Port, ...]) -> None:
        """Remove a machine's NICs and its network namespace."""
        for index, _ in enumerate(ports):  # first, since a namespace takes its NICs with it only some time later
            veth = veth_name(self.number, machine_id, index)
            if _exists(veth):
                run(["ip", "link", "delete", veth])
        namespace = namespace_name(self.number, machine_id)
        if namespace in namespaces(self.number):
            run(["ip", "netns", "delete", namespace])


def interfaces(number: int) -> list[str]:
    """Return the names of the host's interfaces that belong to the lab with this *number*."""
    names = (link["ifname"] for link in json.loads(run(["ip", "-json", "link", "show"])))
    return [name for name in names if name.startswith(interface_prefix(number))]


def namespaces(number: int) -> list[str]:
    """Return the names of the network namespaces that belong to the lab with this *number*."""
    names = (namespace["name"] for namespace in json.loads(run(["ip", "-json", "netns", "list"]) or "[]"))
    return [name for name in names if name.startswith(interface_prefix(number))]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _mtu(network_id: str) -> int:
    return uplink_mtu() if network_id == PUBLIC_NETWORK else ETHERNET_MTU


def _exists(interface: str) -> bool:
    return Path("/sys/class/net", interface).exists()


def _former_settings() -> Path:
    return labs_dir() / ".host-settings.json"


def _number_of(file: Path) -> int | None:
    return int(json.loads(file.read_text())["number"]) if file.exists() else None


def _free_number() -> int:
    taken = {_number_of(file) for file in labs_dir().glob("*/network.json")}
    routes = (route["dst"] for route in json.loads(run(["ip", "-json", "-4", "route", "show"])))
    used = [IPv4Network(destination) for destination in routes if destination != "default"]
    for number in range(1, 255):
        if number not in taken and not any(subnet_of(number).overlaps(network) for network in used):
            return number
    raise KoprogoError(
        f"no part of {RANGE} is free on this host",
        next_step="take labs down that are not needed: koprogo-fleet lab down",
    )
