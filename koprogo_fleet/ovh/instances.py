"""Instances: the machines of a Public Cloud project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.client import OvhApi

ACTIVE = "ACTIVE"
ERROR = "ERROR"
BUILDING = frozenset({"BUILD", "BUILDING", "REBUILD"})
STOPPED = frozenset({"SHUTOFF", "STOPPED"})
SHELVING, UNSHELVING = "SHELVING", "UNSHELVING"
SHELVED = frozenset({"SHELVED", "SHELVED_OFFLOADED"})
OFF = STOPPED | SHELVED | {SHELVING}
RESCUED = frozenset({"RESCUE", "RESCUED"})
DELETED = frozenset({"DELETED", "DELETING", "SOFT_DELETED"})


@dataclass(frozen=True)
class Address:
    """One address of an instance; *type* is "public" or "private", *version* 4 or 6."""

    ip: str
    type: str
    version: int
    network_id: str | None = None


@dataclass(frozen=True)
class Instance:
    """
    An instance, as the list and the detail both show it.

    Attributes:
        flavor_id: None when the API says nothing.
        image_id: None when it was booted from a volume, or OVH has withdrawn the image.
        addresses: empty while the status is BUILD.
        plan: the price catalogue's code for it ("b2-15.consumption").
        monthly: whether it is billed by the month.
    """

    id: str
    name: str
    status: str
    region: str
    flavor_id: str | None
    image_id: str | None
    addresses: tuple[Address, ...]
    created: str | None = None
    plan: str | None = None
    monthly: bool = False

    @property
    def public_ipv4(self) -> IPv4Address | None:
        """The address on the Internet, if it has one already."""
        return self._ipv4("public")

    @property
    def private_ipv4(self) -> IPv4Address | None:
        """The address in the vRack, if it has one already."""
        return self._ipv4("private")

    def _ipv4(self, kind: str) -> IPv4Address | None:
        found = (address.ip for address in self.addresses if address.type == kind and address.version == 4)  # noqa: PLR2004 - IPv4
        return next((IPv4Address(ip) for ip in found), None)


@dataclass(frozen=True)
class InstanceInterface:
    """A NIC: its MAC address is what a node knows it by."""

    id: str
    mac: str
    network_id: str
    type: str
    state: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class NetworkPort:
    """A network that a new instance is connected to; *ip* is for private networks, None lets OVH choose."""

    network_id: str
    ip: IPv4Address | None = None


@dataclass(frozen=True)
class NewInstance:
    """What an instance is created from. *user_data* is for cloud-init, and holds the node's host key."""

    name: str
    region: str
    flavor_id: str
    image_id: str
    ssh_key_id: str
    user_data: Secret
    ports: tuple[NetworkPort, ...]
    group_id: str | None = None
    monthly: bool = False


def only_one(name: str, found: Sequence[Instance]) -> Instance | None:
    """
    Return the one instance of *name* that was *found*, or None.

    Raises:
        InputError: there are more.
    """
    if len(found) > 1:
        raise InputError(
            f"{len(found)} instances are named {name}: {', '.join(instance.id for instance in found)}",
            cause="one was made by hand, or by two runs at once",
            next_step="delete the ones that are not in use, in the OVH manager, then run the command again",
        )
    return found[0] if found else None


def list_instances(api: OvhApi, region: str | None = None) -> tuple[Instance, ...]:
    """
    Return the instances of one region, or of all: one call, however many they are.

    OVH's v1 API has no pages here: ``GET /instance`` answers them all, with their addresses.
    """
    return tuple(_instance(item) for item in api.get(api.in_project("/instance"), region=region))


def get_instance(api: OvhApi, instance_id: str) -> Instance:
    """Return one instance."""
    return _instance(api.get(api.in_project(f"/instance/{instance_id}")))


def create_instance(api: OvhApi, new: NewInstance) -> Instance:
    """Create an instance; it is in BUILD, without addresses, for some time."""
    networks = [
        {"networkId": port.network_id, **({"ip": str(port.ip)} if port.ip is not None else {})} for port in new.ports
    ]
    body = {
        "name": new.name,
        "region": new.region,
        "flavorId": new.flavor_id,
        "imageId": new.image_id,
        "sshKeyId": new.ssh_key_id,
        "userData": new.user_data.reveal(),
        "networks": networks,
        "monthlyBilling": new.monthly,
    }
    if new.group_id is not None:
        body["groupId"] = new.group_id
    return _instance(api.post(api.in_project("/instance"), body))


def delete_instance(api: OvhApi, instance_id: str) -> None:
    """Delete an instance and its local disk; its volumes are detached."""
    api.delete(api.in_project(f"/instance/{instance_id}"))


def start_instance(api: OvhApi, instance_id: str) -> None:
    """Switch a stopped instance on. What else is done to one is in :mod:`koprogo_fleet.ovh.instance_actions`."""
    api.post(api.in_project(f"/instance/{instance_id}/start"), void=True)


def stop_instance(api: OvhApi, instance_id: str) -> None:
    """
    Shut an instance down; it keeps its disk, and its price.

    That it is billed as before is said by OVH's guide "Shelve or pause an instance" (2026-02-27; ovh/docs,
    ``pages/public_cloud/compute/suspend_or_pause_an_instance``), whose *Turn off* this is.
    """
    api.post(api.in_project(f"/instance/{instance_id}/stop"), void=True)


def reboot_instance(api: OvhApi, instance_id: str, *, hard: bool = False) -> None:
    """Reboot an instance; *hard* pulls the plug."""
    api.post(api.in_project(f"/instance/{instance_id}/reboot"), {"type": "hard" if hard else "soft"}, void=True)


def list_interfaces(api: OvhApi, instance_id: str) -> tuple[InstanceInterface, ...]:
    """Return the NICs of an instance."""
    return tuple(
        InstanceInterface(
            id=item["id"],
            mac=item["macAddress"].lower(),
            network_id=item["networkId"],
            type=item["type"],
            state=item["state"],
            addresses=tuple(fixed["ip"] for fixed in item.get("fixedIps") or ()),
        )
        for item in api.get(api.in_project(f"/instance/{instance_id}/interface"))
    )


def _instance(item: dict[str, Any]) -> Instance:
    return Instance(
        id=item["id"],
        name=item["name"],
        status=item["status"],
        region=item["region"],
        flavor_id=_id_of(item, "flavor"),
        image_id=_id_of(item, "image"),
        addresses=tuple(
            Address(address["ip"], address["type"], int(address["version"]), address.get("networkId"))
            for address in item.get("ipAddresses") or ()
        ),
        created=item.get("created"),
        plan=item.get("planCode"),
        monthly=item.get("monthlyBilling") is not None,
    )


def _id_of(item: dict[str, Any], noun: str) -> str | None:
    """Read "flavorId" (the list's shape) or "flavor": {"id"} (the detail's); both may be null."""
    nested = item.get(noun)
    found = nested.get("id") if isinstance(nested, dict) else item.get(f"{noun}Id")
    return found or None
