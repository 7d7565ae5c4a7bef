"""What the project may have, and has, in each region."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import not_found
from koprogo_fleet.lab.ovh_api.state import Record


def _quota_of(data: Record, region: str) -> dict[str, Any]:
    sizes = [catalogue.SIZES[item["flavor"]] for item in data["instances"].values() if item["region"] == region]
    volumes = [item for item in data["volumes"].values() if item["region"] == region]
    networks = [item for item in data["networks"].values() if region in item["regions"]]
    subnets = [item for item in data["subnets"].values() if item["region"] == region]
    return {
        "region": region,
        "instance": {
            "maxInstances": catalogue.MAX_INSTANCES,
            "usedInstances": len(sizes),
            "maxCores": 160,
            "usedCores": sum(size.vcpus for size in sizes),
            "maxRam": 640_000,
            "usedRAM": 1000 * sum(size.ram for size in sizes),
        },
        "volume": {
            "maxGigabytes": catalogue.MAX_GIGABYTES,
            "usedGigabytes": sum(item["size"] for item in volumes),
            "maxVolumeCount": 100,
            "volumeCount": len(volumes),
        },
        "network": {
            "maxNetworks": 30,
            "usedNetworks": len(networks),
            "maxSubnets": 50,
            "usedSubnets": len(subnets),
            "maxFloatingIPs": 20,
            "usedFloatingIPs": _count(data, "floating_ips", region),
            "maxGateways": 10,
            "usedGateways": _count(data, "gateways", region),
        },
        "loadbalancer": {"maxLoadbalancers": 10, "usedLoadbalancers": _count(data, "load_balancers", region)},
        "keypair": {"maxCount": 100},
    }


def _count(data: Record, collection: str, region: str) -> int:
    return sum(item["region"] == region for item in data.get(collection, {}).values())


def _all(call: Call) -> Any:
    with call.state.look() as data:
        return [_quota_of(data, region) for region in catalogue.REGIONS]


def _one(call: Call, region: str) -> Any:
    if region not in catalogue.REGIONS:
        raise not_found(f"Region {region}")
    with call.state.look() as data:
        return _quota_of(data, region)


ROUTES = (
    Route("GET", "/quota", _all),
    Route("GET", "/region/<region>/quota", _one),
)
