"""What is done to an existing instance: its size, its power and price, its system."""

from __future__ import annotations

import secrets
from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict
from koprogo_fleet.lab.ovh_api.routes.instances import act, copy_of, detail_shape, moment, record_of

_ONLY_SAVINGS_PLANS = ("b3-", "c3-", "r3-")
_ON_OR_OFF = ("ACTIVE", "SHUTOFF")


def _start(call: Call, instance_id: str) -> None:
    act(call, instance_id, task="start", allowed=("SHUTOFF",), meanwhile="SHUTOFF")


def _stop(call: Call, instance_id: str) -> None:
    act(call, instance_id, task="stop", allowed=("ACTIVE",), meanwhile="ACTIVE")


def _reboot(call: Call, instance_id: str) -> None:
    kind = call.fields({"type": str})["type"]
    if kind not in ("soft", "hard"):
        raise bad_request(f"Invalid type {kind}")
    status = "REBOOT" if kind == "soft" else "HARD_REBOOT"
    allowed = ("ACTIVE",) if kind == "soft" else _ON_OR_OFF
    act(call, instance_id, task=f"{kind}-reboot", allowed=allowed, meanwhile=status)


def _resize(call: Call, instance_id: str) -> Any:
    flavor_id = call.fields({"flavorId": str})["flavorId"]
    record = copy_of(call, instance_id)
    names = {catalogue.flavor_id(record["region"], name): name for name in catalogue.SIZES}
    if (flavor := names.get(flavor_id)) is None:
        raise bad_request(f"Flavor {flavor_id} not found in region {record['region']}")
    if flavor == record["flavor"]:
        raise bad_request("When resizing, instances must change flavor!")
    if catalogue.SIZES[flavor].disk < catalogue.SIZES[record["flavor"]].disk:
        raise bad_request("Flavor's disk is smaller than the instance's")
    act(call, instance_id, task="resize", allowed=_ON_OR_OFF, meanwhile="RESIZE", next_flavor=flavor)
    return detail_shape(call, copy_of(call, instance_id))


def _shelve(call: Call, instance_id: str) -> None:
    act(call, instance_id, task="shelve", allowed=_ON_OR_OFF, meanwhile="SHELVING")


def _unshelve(call: Call, instance_id: str) -> None:
    allowed = ("SHELVED", "SHELVED_OFFLOADED")
    act(call, instance_id, task="unshelve", allowed=allowed, meanwhile="UNSHELVING")


def _rescue(call: Call, instance_id: str) -> Any:
    body = call.fields({"rescue": bool}, {"imageId": str})
    if not body["rescue"]:
        act(call, instance_id, task="unrescue", allowed=("RESCUE",), meanwhile="UNRESCUING", rescue_password=None)
        return {"adminPassword": None}
    password = secrets.token_urlsafe(9)
    act(call, instance_id, task="rescue", allowed=_ON_OR_OFF, meanwhile="RESCUING", rescue_password=password)
    return {"adminPassword": password}


def _reinstall(call: Call, instance_id: str) -> Any:
    image_id = call.fields({"imageId": str})["imageId"]
    region = copy_of(call, instance_id)["region"]
    images = {catalogue.image_id(region, name): name for name in catalogue.IMAGES}
    if (image := images.get(image_id)) is None:
        raise bad_request(f"Image {image_id} not found in region {region}")
    act(call, instance_id, task="reinstall", allowed=_ON_OR_OFF, meanwhile="REBUILD", image=image)
    return detail_shape(call, copy_of(call, instance_id))


def _bill_monthly(call: Call, instance_id: str) -> Any:
    """One way only, and not for the third generation (which has Savings Plans)."""
    with call.state.change() as data:
        record = record_of(data, instance_id)
        if record["flavor"].startswith(_ONLY_SAVINGS_PLANS):
            raise bad_request(f"Flavor {record['flavor']} has no monthly billing")
        if record.get("monthly_since"):
            raise conflict("Monthly billing is already active")
        record["monthly_since"] = moment(call)
    return detail_shape(call, copy_of(call, instance_id))


ROUTES = (
    Route("POST", "/instance/<instance_id>/start", _start),
    Route("POST", "/instance/<instance_id>/stop", _stop),
    Route("POST", "/instance/<instance_id>/reboot", _reboot),
    Route("POST", "/instance/<instance_id>/resize", _resize),
    Route("POST", "/instance/<instance_id>/shelve", _shelve),
    Route("POST", "/instance/<instance_id>/unshelve", _unshelve),
    Route("POST", "/instance/<instance_id>/rescueMode", _rescue),
    Route("POST", "/instance/<instance_id>/reinstall", _reinstall),
    Route("POST", "/instance/<instance_id>/activeMonthlyBilling", _bill_monthly),
)
