"""What is done to instances and volumes besides creating them, quotas and regions: adapters and python-ovh."""

from __future__ import annotations

import uuid
from ipaddress import IPv4Address
from typing import Any

import pytest
import python_ovh
from emulated_cloud import Cloud, until

from koprogo_fleet.core.errors import OvhConflict, OvhError
from koprogo_fleet.lab.ovh_api import catalogue as offer
from koprogo_fleet.ovh import catalogue, instance_actions, instances, quotas, regions, volumes
from koprogo_fleet.ovh.client import OvhApi

REGION = "GRA11"
ALLOWANCES = {
    "region": str,
    "instance": dict.fromkeys(("maxInstances", "usedInstances", "maxCores", "usedCores", "maxRam", "usedRAM"), int),
    "volume": dict.fromkeys(("maxGigabytes", "usedGigabytes", "maxVolumeCount", "volumeCount"), int),
    "network": dict.fromkeys(
        (
            "maxNetworks",
            "usedNetworks",
            "maxSubnets",
            "usedSubnets",
            "maxFloatingIPs",
            "usedFloatingIPs",
            "maxGateways",
            "usedGateways",
        ),
        int,
    ),
    "loadbalancer": dict.fromkeys(("maxLoadbalancers", "usedLoadbalancers"), int),
    "keypair": {"maxCount": int},
}


def flavor(api: OvhApi, name: str) -> catalogue.Flavor:
    """Return a flavor by its name."""
    return catalogue.find("flavor", name, catalogue.list_flavors(api, REGION), REGION)


def running(api: OvhApi, size: str = "b2-7") -> instances.Instance:
    """Return an instance that runs on the public network."""
    body = {
        "name": "node",
        "region": REGION,
        "flavorId": flavor(api, size).id,
        "imageId": catalogue.list_images(api, REGION)[0].id,
        "userData": "#cloud-config\n{}",
    }
    created = api.post(api.in_project("/instance"), body)
    return settled(api, created["id"], "ACTIVE")


def settled(api: OvhApi, instance_id: str, status: str) -> instances.Instance:
    """Wait for a status, and return the instance."""
    until(lambda: instances.get_instance(api, instance_id).status == status)
    return instances.get_instance(api, instance_id)


@pytest.mark.parametrize("is_on", [True, False])
def test_instance_resized(cloud: Cloud, *, is_on: bool) -> None:
    """A larger flavor keeps the addresses, and on or off as it was; a smaller disk and the same flavor are refused."""
    api = cloud.api()
    before = running(api, "b2-15")
    if not is_on:
        instances.stop_instance(api, before.id)
        settled(api, before.id, "SHUTOFF")

    instance_actions.resize_instance(api, before.id, flavor(api, "b2-30").id)

    after = settled(api, before.id, "ACTIVE" if is_on else "SHUTOFF")
    assert (flavor(api, "b2-30").id, before.addresses) == (after.flavor_id, after.addresses)
    assert is_on == (before.id in cloud.machines.running)
    with pytest.raises(OvhError, match="disk is smaller"):
        instance_actions.resize_instance(api, before.id, flavor(api, "b2-7").id)
    with pytest.raises(OvhError, match="must change flavor"):
        instance_actions.resize_instance(api, before.id, flavor(api, "b2-30").id)


def test_instance_shelved(cloud: Cloud) -> None:
    """A shelved instance does not run, cannot be started, and comes back with its addresses."""
    api = cloud.api()
    before = running(api)

    instance_actions.shelve_instance(api, before.id)

    assert settled(api, before.id, "SHELVED_OFFLOADED").status in instances.SHELVED
    assert before.id not in cloud.machines.running
    with pytest.raises(OvhConflict, match="SHELVED_OFFLOADED"):
        instances.start_instance(api, before.id)
    instance_actions.unshelve_instance(api, before.id)
    assert before.addresses == settled(api, before.id, "ACTIVE").addresses


def test_shelved_instance_stays_so_over_a_restart(cloud: Cloud) -> None:
    """The emulator does not boot again what was put away."""
    api = cloud.api()
    before = running(api)
    instance_actions.shelve_instance(api, before.id)
    settled(api, before.id, "SHELVED_OFFLOADED")

    cloud.stop()
    cloud.start()

    assert "SHELVED_OFFLOADED" == instances.get_instance(api, before.id).status
    assert set() == cloud.machines.running


def test_instance_rescued(cloud: Cloud) -> None:
    """Rescue gives a password that is not printed, and ends with the instance's own system running."""
    api = cloud.api()
    before = running(api)

    password = instance_actions.start_rescue(api, before.id)

    assert settled(api, before.id, "RESCUE").status in instances.RESCUED
    assert password is not None
    assert password.reveal() not in f"{password!r} {password}"
    instance_actions.end_rescue(api, before.id)
    settled(api, before.id, "ACTIVE")
    assert before.id in cloud.machines.running
    with pytest.raises(OvhConflict):
        instance_actions.end_rescue(api, before.id)


def test_instance_reinstalled(cloud: Cloud) -> None:
    """A fresh disk boots with the same user data and address, and finds its volume attached."""
    api = cloud.api()
    before = running(api)
    volume = volumes.create_volume(api, "data", REGION, 10, "classic")
    until(lambda: volumes.get_volume(api, volume.id).status == "available")
    volumes.attach_volume(api, volume.id, before.id)
    until(lambda: volumes.get_volume(api, volume.id).status == "in-use")
    booted = cloud.machines.machines[before.id]

    instance_actions.reinstall_instance(api, before.id, catalogue.list_images(api, REGION)[0].id)
    settled(api, before.id, "ACTIVE")

    assert cloud.machines.machines[before.id] is not booted
    assert booted == cloud.machines.machines[before.id]
    assert {volume.id: before.id} == cloud.machines.attached


def test_instance_renamed(cloud: Cloud) -> None:
    """A new name shows in the list."""
    api = cloud.api()
    instance_actions.rename_instance(api, running(api).id, "other")

    assert ["other"] == [item.name for item in instances.list_instances(api)]


def test_monthly_billing_is_one_way(cloud: Cloud) -> None:
    """A B2 instance becomes monthly, once; a B3 one never does, and its flavor has no monthly plan."""
    api = cloud.api()
    b2, b3 = running(api), running(api, "b3-8")
    assert (False, "b2-7.consumption") == (b2.monthly, b2.plan)

    instance_actions.activate_monthly_billing(api, b2.id)

    now = instances.get_instance(api, b2.id)
    assert (True, "b2-7.monthly.postpaid") == (now.monthly, now.plan)
    assert {True, False} == {item.monthly for item in instances.list_instances(api)}
    with pytest.raises(OvhConflict):
        instance_actions.activate_monthly_billing(api, b2.id)
    with pytest.raises(OvhError, match="no monthly billing"):
        instance_actions.activate_monthly_billing(api, b3.id)
    assert ("b2-7.monthly.postpaid", None) == (flavor(api, "b2-7").monthly_plan, flavor(api, "b3-8").monthly_plan)


@pytest.mark.parametrize("is_attached", [True, False])
def test_volume_grows(cloud: Cloud, *, is_attached: bool) -> None:
    """A volume grows, attached or not, and never shrinks; its name can be changed."""
    api = cloud.api()
    volume = volumes.create_volume(api, "data", REGION, 10, "classic")
    until(lambda: volumes.get_volume(api, volume.id).status == "available")
    if is_attached:
        volumes.attach_volume(api, volume.id, running(api).id)
        until(lambda: volumes.get_volume(api, volume.id).status == "in-use")

    assert (volumes.EXTENDING, 20) == (
        (growing := volumes.upsize_volume(api, volume.id, 20)).status,
        growing.size_gb,
    )

    until(lambda: volumes.get_volume(api, volume.id).status == ("in-use" if is_attached else "available"))
    with pytest.raises(OvhError, match="greater than the current size"):
        volumes.upsize_volume(api, volume.id, 20)
    volumes.rename_volume(api, volume.id, "more")
    assert ["more"] == [item.name for item in volumes.list_volumes(api)]


def test_a_thousand_instances_are_one_call(cloud: Cloud) -> None:
    """The list of 1 000 instances costs what the list of one does: one call, addresses included."""
    api = cloud.api()
    one = running(api)
    with cloud.state.change() as data:
        record = data["instances"][one.id]
        for number in range(999):
            copy = {**record, "id": str(uuid.uuid4()), "name": f"node-{number}"}
            data["instances"][copy["id"]] = copy
    before = len(cloud.requests())

    listed = instances.list_instances(api)

    assert 1000 == len(listed)
    assert 1 == len(cloud.requests()) - before
    assert all(isinstance(item.public_ipv4, IPv4Address) for item in listed)


def test_quota_tells_what_does_not_fit(cloud: Cloud) -> None:
    """What is used is counted by region, and what would exceed a limit is named with the figures."""
    api = cloud.api()
    running(api, "b2-30")

    here, there = quotas.list_quotas(api)

    assert here == quotas.get_quota(api, REGION)
    assert (1, 8, 0) == (here.instances.used, here.cores.used, there.instances.used)
    assert () == here.shortfalls(instances=offer.MAX_INSTANCES - 1, volume_gb=100)
    (sentence,) = here.shortfalls(instances=offer.MAX_INSTANCES, cores=8)
    assert f"{offer.MAX_INSTANCES} more instances in GRA11: 1 of {offer.MAX_INSTANCES} are used" in sentence


def test_quota_is_enforced_by_region(cloud: Cloud) -> None:
    """A region that is full refuses the next instance and shows no room in its flavors; another region has room."""
    api = cloud.api()
    one = running(api)
    with cloud.state.change() as data:
        for number in range(offer.MAX_INSTANCES - 1):
            data["instances"][str(number)] = {**data["instances"][one.id], "id": str(number)}

    with pytest.raises(OvhError, match="Quota exceeded for instances"):
        running(api)

    assert (0, 0) == (quotas.get_quota(api, REGION).instances.left, flavor(api, "b2-7").quota)
    assert offer.MAX_INSTANCES == catalogue.list_flavors(api, "SBG5")[0].quota


def test_region_offers(cloud: Cloud) -> None:
    """A region's services are known before anything is planned there."""
    api = cloud.api()

    region = regions.get_region(api, REGION)

    assert ("GRA11", "SBG5") == regions.list_regions(api)
    assert region.offers("octavialoadbalancer")
    assert not region.offers("quantum")


def test_instance_routes_by_python_ovh(cloud: Cloud) -> None:
    """OVH's own client works with every action; each answer has the schema's fields."""
    api, client = cloud.api(), python_ovh.client(cloud)
    project = f"/cloud/project/{cloud.state.keys.project_id}"
    path = f"{project}/instance/{(one := running(api)).id}"
    assert client.put(path, instanceName="new") is None

    def act(action: str, status: str, **body: Any) -> Any:
        answer = client.post(f"{path}/{action}", **body)
        settled(api, one.id, status)
        return answer

    resized = act("resize", "ACTIVE", flavorId=flavor(api, "b2-15").id)
    assert {"id", "name", "region", "status", "flavor", "image", "ipAddresses", "monthlyBilling"} <= resized.keys()
    assert {"since", "status"} == client.post(f"{path}/activeMonthlyBilling")["monthlyBilling"].keys()
    assert act("stop", "SHUTOFF") is None
    assert act("start", "ACTIVE") is None
    assert act("shelve", "SHELVED_OFFLOADED") is None
    assert act("unshelve", "ACTIVE") is None
    python_ovh.check(act("rescueMode", "RESCUE", rescue=True), {"adminPassword": str})
    python_ovh.check(act("rescueMode", "ACTIVE", rescue=False), {"adminPassword": python_ovh.NOTHING})
    image = catalogue.list_images(api, REGION)[0].id
    assert one.id == act("reinstall", "ACTIVE", imageId=image)["id"]
    python_ovh.check(client.get(f"{project}/quota"), [ALLOWANCES])
    python_ovh.check(client.get(f"{project}/region/{REGION}/quota"), ALLOWANCES)
    volume = client.post(f"{project}/volume", region=REGION, size=10, type="classic", name="data")
    until(lambda: volumes.get_volume(api, volume["id"]).status == "available")
    assert volume.keys() == client.post(f"{project}/volume/{volume['id']}/upsize", size=20).keys()
    assert volume.keys() == client.put(f"{project}/volume/{volume['id']}", name="x").keys()
