"""What the OVH emulator needs of the lab's machines: values and one protocol, without any I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Protocol

PUBLIC_NETWORK = "public"


@dataclass(frozen=True)
class Port:
    """
    One NIC of a machine on one network.

    Attributes:
        network_id: :data:`PUBLIC_NETWORK`, or the id of a private network.
        mac: six pairs of hexadecimal digits with colons; the machine's NIC has exactly this address.
        gateway: None on a private network, which leads nowhere.
    """

    network_id: str
    mac: str
    address: IPv4Address
    prefix_length: int
    gateway: IPv4Address | None


@dataclass(frozen=True)
class Machine:
    """
    A machine as the cloud's API describes it at its creation.

    Attributes:
        id: a UUID; names everything that the machine owns on the host.
        name: the host name it boots with.
        user_data: handed to cloud-init untouched; may be empty.
        authorized_keys: OpenSSH public keys for the image's default user.
        ports: in the order of the NICs: ens3, ens4, …
    """

    id: str
    name: str
    user_data: str
    authorized_keys: tuple[str, ...]
    ports: tuple[Port, ...]


class Machines(Protocol):
    """Boots and destroys machines, and owns their networks and volumes. Every method is idempotent."""

    @property
    def public_subnet(self) -> IPv4Network:
        """The public network's addresses; the first host address is the gateway, which is the host itself."""
        ...

    def boot(self, machine: Machine) -> None:
        """Start *machine* with the volumes attached to it; return once it starts, long before it answers."""
        ...

    def is_running(self, machine_id: str) -> bool:
        """Say whether the machine is powered on."""
        ...

    def stop(self, machine_id: str) -> None:
        """Shut the machine down as its power button would; its disks stay."""
        ...

    def kill(self, machine_id: str) -> None:
        """Pull the plug: no process of the machine gets to say goodbye; its disks stay."""
        ...

    def destroy(self, machine_id: str) -> None:
        """Kill the machine and remove all it owns; its volumes are detached, not deleted."""
        ...

    def ensure_network(self, network_id: str) -> None:
        """Make a private network; :data:`PUBLIC_NETWORK` always exists."""
        ...

    def remove_network(self, network_id: str) -> None:
        """Remove a private network."""
        ...

    def attach_volume(self, machine_id: str, volume_id: str, size_gb: int) -> None:
        """
        Give the machine the block device of a volume, made at its first use.

        It appears as ``/dev/disk/by-id/virtio-`` and the first 20 characters of *volume_id*, at once when the machine
        runs, else when it boots.
        """
        ...

    def detach_volume(self, machine_id: str, volume_id: str) -> None:
        """Take the block device away; the volume keeps its content."""
        ...

    def delete_volume(self, volume_id: str) -> None:
        """Delete the volume and its content."""
        ...


class Appliances(Protocol):
    """Places in the networks for OVH's own machines, such as load balancers. Every method is idempotent."""

    def ensure(self, appliance_id: str, ports: tuple[Port, ...]) -> Callable[[], None]:
        """
        Have a place with exactly these ports, all of which have addresses; return what a thread calls to be there.

        Ports are known by their networks: one whose address changes is kept.
        """
        ...

    def remove(self, appliance_id: str) -> None:
        """Remove a place; nobody may be there any more."""
        ...

    def ids(self) -> tuple[str, ...]:
        """Return what places there are, also those that an earlier emulator has left."""
        ...
