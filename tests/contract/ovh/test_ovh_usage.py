"""The month's usage: our adapter and python-ovh against the emulator."""

from __future__ import annotations

from decimal import Decimal

import python_ovh
from emulated_cloud import Cloud, until

from koprogo_fleet.ovh import catalogue, instance_actions, volumes
from koprogo_fleet.ovh.usage import get_current_usage

REGION = "GRA11"
QUANTITY = {"unit": str, "value": int}
HOURLY = {"region": str, "quantity": QUANTITY, "totalPrice": float}


def used(cloud: Cloud) -> str:
    """Create two instances, one of them monthly, and a volume of 100 GB; return the monthly one's id."""
    api = cloud.api()
    flavor = catalogue.find("flavor", "b2-7", catalogue.list_flavors(api, REGION), REGION).id
    image = catalogue.list_images(api, REGION)[0].id
    made = [
        api.post(api.in_project("/instance"), {"name": name, "region": REGION, "flavorId": flavor, "imageId": image})
        for name in ("a", "b")
    ]
    volume = volumes.create_volume(api, "data", REGION, 100, "classic")
    until(lambda: volumes.get_volume(api, volume.id).status == "available")
    instance_actions.activate_monthly_billing(api, made[1]["id"])
    return str(made[1]["id"])


def test_usage_counts_started_hours(cloud: Cloud) -> None:
    """An hourly instance costs its first hour at once, a volume its gigabytes, a monthly instance its whole month."""
    used(cloud)

    usage = get_current_usage(cloud.api())

    assert (Decimal("0.0681"), Decimal("0.0059")) == (usage.hourly["instance"], usage.hourly["volume"])
    assert Decimal("24.2") == usage.monthly["instance"]
    assert Decimal("24.274") == usage.total


def test_usage_by_python_ovh(cloud: Cloud) -> None:
    """OVH's own client reads the usage; its fields are the schema's, amounts plain numbers of the currency."""
    monthly_id = used(cloud)
    client = python_ovh.client(cloud)

    answer = client.get(f"/cloud/project/{cloud.state.keys.project_id}/usage/current")

    assert {"period", "lastUpdate", "hourlyUsage", "monthlyUsage", "resourcesUsage"} == answer.keys()
    python_ovh.check(answer["period"], {"from": str, "to": str})
    detail = {"quantity": QUANTITY, "totalPrice": float}
    instance = {**HOURLY, "reference": str, "details": [{**detail, "instanceId": str}]}
    python_ovh.check(answer["hourlyUsage"]["instance"], [instance])
    python_ovh.check(
        answer["hourlyUsage"]["volume"], [{**HOURLY, "type": str, "details": [{**detail, "volumeId": str}]}]
    )
    (monthly,) = answer["monthlyUsage"]["instance"]
    (only,) = monthly["details"]
    python_ovh.check(only, {"instanceId": str, "activation": str, "totalPrice": float})
    assert ("b2-7", monthly_id) == (monthly["reference"], only["instanceId"])
