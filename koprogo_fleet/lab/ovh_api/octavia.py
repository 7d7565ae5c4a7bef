"""
Load balancers as Octavia has them: what may follow what, and what is refused meanwhile.

Any change sets the balancer to "updating", and it refuses the next change until it is "active" again. The conflicts and
their words are Octavia's (github.com/openstack/octavia, ``octavia/common/exceptions.py``); that OVH's API hands them
through is UNCONFIRMED.
"""

from __future__ import annotations

from koprogo_fleet.lab.ovh_api import jobs
from koprogo_fleet.lab.ovh_api.calls import Call
from koprogo_fleet.lab.ovh_api.errors import conflict, not_found
from koprogo_fleet.lab.ovh_api.lifecycle import release_floating_ips
from koprogo_fleet.lab.ovh_api.state import Record

_CHILDREN = ("listeners", "pools", "members", "health_monitors")


def find(data: Record, collection: str, what: str, region: str, key: str) -> Record:
    """
    Return a load balancer or a part of one.

    Raises:
        ApiError: 404, there is none in the region.
    """
    record: Record | None = data[collection].get(key)
    if record is None or record["region"] != region:
        raise not_found(what)
    return record


def change(call: Call, data: Record, balancer_id: str) -> None:
    """
    Begin a change of a load balancer or of its parts: it is "updating" until it is done.

    Raises:
        ApiError: 409, another change is under way, or the balancer is in error.
    """
    balancer = data["load_balancers"][balancer_id]
    if balancer["status"] != "active":
        raise conflict(f"Load Balancer {balancer_id} is immutable and cannot be updated.")
    balancer.update(status="updating", updated=call.now)
    arguments = {"balancer_id": balancer_id}
    jobs.start(call, data, jobs.SILENT, "loadbalancer#settle", arguments, owner=balancer["region"])


def settle(data: Record, balancer_id: str, job: Record) -> None:
    """End what is under way in a balancer: new and changed parts are active, deleted ones gone; or all is in error."""
    balancer = data["load_balancers"].get(balancer_id)
    if balancer is None:
        return
    status = "error" if jobs.failed(job) else "active"
    for collection in _CHILDREN:
        for record in [item for item in data[collection].values() if item["balancer_id"] == balancer_id]:
            if record["status"] == "deleting" and status == "active":
                del data[collection][record["id"]]
            else:
                record["status"] = status
    balancer["status"] = status
    if status == "active":
        balancer["flavor_id"] = balancer["wanted_flavor_id"]


def forget(data: Record, balancer_id: str) -> None:
    """Remove a balancer with all its parts; its floating IP stays."""
    data["load_balancers"].pop(balancer_id, None)
    for collection in _CHILDREN:
        for key in [key for key, item in data[collection].items() if item["balancer_id"] == balancer_id]:
            del data[collection][key]
    release_floating_ips(data, balancer_id)
