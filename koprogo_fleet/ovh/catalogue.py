"""What can be had: flavors (sizes) and images. Their ids differ in every region."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.ovh.client import OvhApi

_LINUX = "linux"
_MIB_FROM = 512  # some regions answer RAM in MiB, others in GiB; no flavor has 512 GiB


@dataclass(frozen=True)
class Flavor:
    """
    A size of instance.

    Attributes:
        quota: how many more of it the project may start.
        hourly_plan: the price catalogue's code for it by the hour ("b2-15.consumption").
        monthly_plan: the same by the month; None for a flavor that has only savings plans (B3, C3, R3).
    """

    id: str
    name: str
    region: str
    vcpus: int
    ram_gb: int
    disk_gb: int
    available: bool
    quota: int
    hourly_plan: str | None = None
    monthly_plan: str | None = None


@dataclass(frozen=True)
class Image:
    """A system to boot; *user* is its default user."""

    id: str
    name: str
    region: str
    user: str


def list_flavors(api: OvhApi, region: str) -> tuple[Flavor, ...]:
    """Return the Linux flavors of *region* (the same names exist for Windows)."""
    items = api.get(api.in_project("/flavor"), region=region)
    return tuple(_flavor(item) for item in items if item["osType"] == _LINUX)


def list_images(api: OvhApi, region: str) -> tuple[Image, ...]:
    """Return the Linux images of *region* that can be used now."""
    items = api.get(api.in_project("/image"), region=region, osType=_LINUX)
    return tuple(
        Image(item["id"], item["name"], item["region"], item.get("user") or "")
        for item in items
        if item["status"] == "active"
    )


class HasName(Protocol):
    """What people know by its name, and OVH by an id."""

    @property
    def name(self) -> str:
        """OVH's name of it."""
        ...


Named = TypeVar("Named", bound=HasName)


def find(what: str, name: str, among: Sequence[Named], region: str) -> Named:
    """
    Return the flavor, image or other thing called *name*.

    Raises:
        InputError: there is none; names the closest ones.
    """
    for item in among:
        if item.name == name:
            return item
    names = sorted({item.name for item in among})
    close = difflib.get_close_matches(name, names, n=3)
    raise InputError(
        f"region {region} has no {what} named {name}",
        cause=f"did you mean {' or '.join(close)}?" if close else f"it has: {', '.join(names) or 'none'}",
        next_step=f"change the {what} in fleet.yaml, or the region",
    )


def _flavor(item: dict[str, Any]) -> Flavor:
    ram, plans = int(item["ram"]), item.get("planCodes") or {}
    return Flavor(
        id=item["id"],
        name=item["name"],
        region=item["region"],
        vcpus=int(item["vcpus"]),
        ram_gb=ram // 1024 if ram >= _MIB_FROM else ram,
        disk_gb=int(item["disk"]),
        available=bool(item["available"]),
        quota=int(item["quota"]),
        hourly_plan=plans.get("hourly"),
        monthly_plan=plans.get("monthly"),
    )
