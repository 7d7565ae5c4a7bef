"""What the lab's cloud sells. The ids differ in every region, as at OVH."""

from __future__ import annotations

import uuid
from typing import NamedTuple

REGIONS = ("GRA11", "SBG5")
STORAGE_REGIONS = (*REGIONS, "GRA", "SBG")
"""Object storage has regions of its own."""

SERVICES = ("instance", "network", "volume", "storage-s3-standard", "octavialoadbalancer")
ZONES = ("koprogo.io",)
"""DNS zones are bought, not created: this one is the account's."""

VOLUME_TYPES = ("classic", "high-speed", "high-speed-gen2")
LOAD_BALANCER_SIZES = ("small", "medium", "large", "xl")
MAX_INSTANCES = 20
MAX_GIGABYTES = 20_000
"""In each region, as quotas are."""

_NAMESPACE = uuid.UUID("6f3c9f8e-2f57-4b64-9d6e-6b6f70726f67")


class Size(NamedTuple):
    """A flavor: RAM and local disk in GB."""

    vcpus: int
    ram: int
    disk: int


SIZES = {
    "b2-7": Size(2, 7, 50),
    "b2-15": Size(4, 15, 100),
    "b2-30": Size(8, 30, 200),
    "b3-8": Size(2, 8, 50),
    "b3-16": Size(4, 16, 100),
}
IMAGES = ("Debian 12",)
"""Only what the lab really boots."""


def flavor_id(region: str, name: str, system: str = "linux") -> str:
    """Return the id of a flavor; the Windows twin has its own."""
    return str(uuid.uuid5(_NAMESPACE, f"flavor {region} {name} {system}"))


def image_id(region: str, name: str) -> str:
    """Return the id of an image."""
    return str(uuid.uuid5(_NAMESPACE, f"image {region} {name}"))


def public_network_id(region: str) -> str:
    """Return the id of the public network."""
    return str(uuid.uuid5(_NAMESPACE, f"Ext-Net {region}"))
