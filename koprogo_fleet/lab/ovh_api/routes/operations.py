"""Operations of the Public Cloud: what regional calls began."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api import jobs
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import not_found
from koprogo_fleet.lab.ovh_api.state import Record

_STATUS = {jobs.WAITING: "in-progress", jobs.DONE: "completed", jobs.FAILED: "in-error"}


def shape(job: Record) -> dict[str, Any]:
    """Return the operation; *progress* stays 0, as OVH's does (github.com/ovh/ovhcloud-cli, cloud_network_test.go)."""
    times = {"startedAt": jobs.moment(job["created"]), "completedAt": jobs.moment(job["finished"])}
    common = {"progress": 0, "regions": [job["owner"]], "status": _STATUS[job["status"]], **times}
    parts = [
        {"id": f"{job['id'][:-4]}{number:04x}", "action": part["action"], "resourceId": part["resource_id"], **common}
        for number, part in enumerate(job["parts"])
    ]
    return {
        "id": job["id"],
        "action": job["action"],
        "createdAt": jobs.moment(job["created"]),
        "resourceId": job["resource_id"],
        "subOperations": parts,
        **common,
    }


def _list(call: Call) -> Any:
    with call.state.look() as data:
        return [shape(job) for job in jobs.of(data, jobs.OPERATION)]


def _get(call: Call, operation_id: str) -> Any:
    with call.state.look() as data:
        for job in jobs.of(data, jobs.OPERATION):
            if job["id"] == operation_id:
                return shape(job)
    raise not_found("Operation")


ROUTES = (
    Route("GET", "/operation", _list),
    Route("GET", "/operation/<operation_id>", _get),
)
