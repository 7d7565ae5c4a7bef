"""What is done to an existing instance besides switching it on and off. Every action goes on after its answer."""

from __future__ import annotations

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.client import OvhApi


def rename_instance(api: OvhApi, instance_id: str, name: str) -> None:
    """Give an instance another name at OVH; its host name stays."""
    api.put(api.in_project(f"/instance/{instance_id}"), {"instanceName": name})


def resize_instance(api: OvhApi, instance_id: str, flavor_id: str) -> None:
    """
    Give an instance another flavor of its region; it restarts, and keeps its disk and addresses.

    Raises:
        OvhError: the new flavor's disk is smaller: that needs a new instance.
    """
    api.post(api.in_project(f"/instance/{instance_id}/resize"), {"flavorId": flavor_id}, void=True)


def shelve_instance(api: OvhApi, instance_id: str) -> None:
    """
    Put an instance away: its disk becomes a snapshot, its CPU and memory are given back.

    What it costs then is said by OVH's guide "Shelve or pause an instance" (2026-02-27; ovh/docs,
    ``pages/public_cloud/compute/suspend_or_pause_an_instance``): "You are only billed for the snapshot", until it is
    unshelved. One that is billed by the month saves only a month in which it is shelved from beginning to end. The local
    NVMe disks of the flavors i1 (IOPS), t1-180 and t2-180 are lost. The main address stays.
    """
    api.post(api.in_project(f"/instance/{instance_id}/shelve"), void=True)


def unshelve_instance(api: OvhApi, instance_id: str) -> None:
    """Bring a shelved instance back, with its addresses."""
    api.post(api.in_project(f"/instance/{instance_id}/unshelve"), void=True)


def start_rescue(api: OvhApi, instance_id: str, image_id: str | None = None) -> Secret | None:
    """Restart an instance from a rescue system, with its own disk beside; return the password, if there is one."""
    body = {"rescue": True, **({"imageId": image_id} if image_id is not None else {})}
    answer = api.post(api.in_project(f"/instance/{instance_id}/rescueMode"), body, void=True)
    return Secret(answer["adminPassword"]) if answer and answer.get("adminPassword") else None


def end_rescue(api: OvhApi, instance_id: str) -> None:
    """Restart an instance from its own disk again."""
    api.post(api.in_project(f"/instance/{instance_id}/rescueMode"), {"rescue": False}, void=True)


def reinstall_instance(api: OvhApi, instance_id: str, image_id: str) -> None:
    """Replace what is on the local disk by a fresh image; the addresses and volumes stay, the disk's content is lost."""
    api.post(api.in_project(f"/instance/{instance_id}/reinstall"), {"imageId": image_id}, void=True)


def activate_monthly_billing(api: OvhApi, instance_id: str) -> None:
    """
    Bill an instance by the month from now on. There is no way back but to delete it.

    Raises:
        OvhError: the flavor has no monthly price (B3, C3 and R3 have Savings Plans).
    """
    api.post(api.in_project(f"/instance/{instance_id}/activeMonthlyBilling"), void=True)
