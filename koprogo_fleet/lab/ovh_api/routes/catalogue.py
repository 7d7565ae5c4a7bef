"""The project, its regions, flavors and images."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, not_found


def check_region(region: str) -> None:
    """
    Refuse a region that the lab does not have.

    Raises:
        ApiError: 400, with OVH's message.
    """
    if region not in catalogue.REGIONS:
        raise bad_request(f"Region {region} not found")


def chosen_regions(call: Call) -> tuple[str, ...]:
    """Return the region that the query asks for, or all."""
    region = call.query.get("region")
    if region is None:
        return catalogue.REGIONS
    check_region(region)
    return (region,)


def flavors(call: Call, region: str) -> list[dict[str, Any]]:
    """Return the flavors of one region, each for Linux and for Windows."""
    with call.state.look() as data:
        used = sum(item["region"] == region for item in data["instances"].values())
    left = max(0, catalogue.MAX_INSTANCES - used)
    return [
        {
            "id": catalogue.flavor_id(region, name, system),
            "name": name,
            "region": region,
            "vcpus": size.vcpus,
            "ram": size.ram,
            "disk": size.disk,
            "type": "ovh.ssd.eg",
            "osType": system,
            "available": True,
            "quota": left,
            "inboundBandwidth": 250,
            "outboundBandwidth": 250,
            "planCodes": {
                "hourly": f"{prefix}{name}.consumption",
                "monthly": None if name.startswith("b3-") else f"{prefix}{name}.monthly.postpaid",
                "license": None,
            },
            "capabilities": [
                {"name": "resize", "enabled": True},
                {"name": "snapshot", "enabled": True},
                {"name": "volume", "enabled": True},
                {"name": "failoverip", "enabled": True},
            ],
        }
        for name, size in catalogue.SIZES.items()
        for system, prefix in (("windows", "win-"), ("linux", ""))
    ]


def images(region: str) -> list[dict[str, Any]]:
    """Return the images of one region."""
    return [
        {
            "id": catalogue.image_id(region, name),
            "name": name,
            "region": region,
            "type": "linux",
            "user": "debian",
            "status": "active",
            "visibility": "public",
            "minDisk": 0,
            "minRam": 0,
            "size": 2,
            "creationDate": "2025-01-15T10:00:00Z",
            "planCode": None,
            "flavorType": None,
            "tags": [],
        }
        for name in catalogue.IMAGES
    ]


def _project(call: Call) -> Any:
    project_id = call.state.keys.project_id
    return {
        "project_id": project_id,
        "projectName": "lab",
        "description": "lab",
        "planCode": "project.2018",
        "status": "ok",
        "access": "full",
        "creationDate": "2025-01-15T10:00:00Z",
        "expiration": None,
        "manualQuota": False,
        "orderId": None,
        "unleash": False,
        "iam": {"id": project_id, "urn": f"urn:v1:eu:resource:publicCloudProject:{project_id}", "state": "OK"},
    }


def _vrack(call: Call) -> Any:
    with call.state.look() as data:
        for vrack in data["vracks"].values():
            if call.state.keys.project_id in vrack["members"]["cloudProject"]:
                return {name: vrack[name] for name in ("id", "name", "description")}
    raise not_found("vRack")


def _regions(_call: Call) -> Any:
    return list(catalogue.REGIONS)


def _region(_call: Call, region: str) -> Any:
    if region not in catalogue.REGIONS:
        raise not_found(f"Region {region}")
    return {
        "name": region,
        "status": "UP",
        "type": "region",
        "availabilityZones": [],
        "continentCode": "EU",
        "countryCode": "fr",
        "datacenterLocation": region.rstrip("0123456789"),
        "ipCountries": [],
        "services": [{"name": name, "endpoint": "", "status": "UP"} for name in catalogue.SERVICES],
    }


def _flavors(call: Call) -> Any:
    return [flavor for region in chosen_regions(call) for flavor in flavors(call, region)]


def _flavor(call: Call, flavor_id: str) -> Any:
    return _one(_flavors(call), "Flavor", flavor_id)


def _images(call: Call) -> Any:
    if call.query.get("osType") not in (None, "linux"):
        return []
    return [image for region in chosen_regions(call) for image in images(region)]


def _image(call: Call, image_id: str) -> Any:
    return _one(_images(call), "Image", image_id)


def _one(items: list[dict[str, Any]], what: str, item_id: str) -> dict[str, Any]:
    for item in items:
        if item["id"] == item_id:
            return item
    raise not_found(what)


ROUTES = (
    Route("GET", "", _project),
    Route("GET", "/vrack", _vrack),
    Route("GET", "/region", _regions),
    Route("GET", "/region/<region>", _region),
    Route("GET", "/flavor", _flavors),
    Route("GET", "/flavor/<flavor_id>", _flavor),
    Route("GET", "/image", _images),
    Route("GET", "/image/<image_id>", _image),
)
