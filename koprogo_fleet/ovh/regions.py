"""The regions of a project, and what each of them offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from koprogo_fleet.ovh.client import OvhApi

UP = "UP"


@dataclass(frozen=True)
class Region:
    """
    A region that the project has activated.

    Attributes:
        type: "region", "localzone" or "region-3-az"; prices differ between them.
        zones: availability zones, in a region that has several.
        services: those that are up ("instance", "network", "volume", "octavialoadbalancer", ...).
    """

    name: str
    status: str
    type: str
    country: str
    zones: tuple[str, ...]
    services: frozenset[str]

    def offers(self, service: str) -> bool:
        """Whether *service* can be used there now."""
        return self.status == UP and service in self.services


def list_regions(api: OvhApi) -> tuple[str, ...]:
    """Return the names of the project's regions."""
    return tuple(api.get(api.in_project("/region")))


def get_region(api: OvhApi, name: str) -> Region:
    """
    Return one region.

    Raises:
        OvhNotFound: there is none of that name, or the project has not activated it.
    """
    item: dict[str, Any] = api.get(api.in_project(f"/region/{name}"))
    return Region(
        name=item["name"],
        status=item["status"],
        type=item["type"],
        country=item["countryCode"],
        zones=tuple(item.get("availabilityZones") or ()),
        services=frozenset(service["name"] for service in item.get("services") or () if service["status"] == UP),
    )
