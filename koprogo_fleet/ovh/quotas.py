"""How much of each kind a project may have in a region, and has: for checks before anything is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from koprogo_fleet.ovh.client import OvhApi


@dataclass(frozen=True)
class Allowance:
    """A limit and what is used of it; *limit* is None where the API names none."""

    limit: int | None
    used: int

    @property
    def left(self) -> int | None:
        """How many more there may be; None: no limit is known."""
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True)
class Quota:
    """What a project may have in one region; *ram* is in the API's unit, which is not documented."""

    region: str
    instances: Allowance
    cores: Allowance
    ram: Allowance
    volumes: Allowance
    volume_gb: Allowance
    networks: Allowance
    subnets: Allowance
    floating_ips: Allowance
    gateways: Allowance
    load_balancers: Allowance

    def shortfalls(self, **wanted: int) -> tuple[str, ...]:
        """
        Return one sentence for each limit that *wanted* more objects would exceed: ``shortfalls(instances=6, cores=36)``.

        The names are those of this class's attributes.
        """
        found = []
        for name, number in wanted.items():
            allowance: Allowance = getattr(self, name)
            if allowance.left is not None and number > allowance.left:
                what = name.replace("_", " ")
                found.append(
                    f"{number} more {what} in {self.region}: {allowance.used} of {allowance.limit} are used, "
                    f"so {allowance.left} can be had"
                )
        return tuple(found)


def list_quotas(api: OvhApi) -> tuple[Quota, ...]:
    """Return the quota of every region of the project."""
    return tuple(_quota(item) for item in api.get(api.in_project("/quota")))


def get_quota(api: OvhApi, region: str) -> Quota:
    """Return the quota of one region."""
    return _quota(api.get(api.in_project(f"/region/{region}/quota")))


def _quota(item: dict[str, Any]) -> Quota:
    def read(section: str, limit: str, used: str) -> Allowance:
        values = item.get(section) or {}
        highest = values.get(limit)
        return Allowance(None if highest is None or highest < 0 else int(highest), int(values.get(used) or 0))

    return Quota(
        region=item["region"],
        instances=read("instance", "maxInstances", "usedInstances"),
        cores=read("instance", "maxCores", "usedCores"),
        ram=read("instance", "maxRam", "usedRAM"),
        volumes=read("volume", "maxVolumeCount", "volumeCount"),
        volume_gb=read("volume", "maxGigabytes", "usedGigabytes"),
        networks=read("network", "maxNetworks", "usedNetworks"),
        subnets=read("network", "maxSubnets", "usedSubnets"),
        floating_ips=read("network", "maxFloatingIPs", "usedFloatingIPs"),
        gateways=read("network", "maxGateways", "usedGateways"),
        load_balancers=read("loadbalancer", "maxLoadbalancers", "usedLoadbalancers"),
    )
