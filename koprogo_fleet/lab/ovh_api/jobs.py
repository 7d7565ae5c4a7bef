"""
What OVH calls an operation (Public Cloud), or a task (vRack, dedicated servers, IP Load Balancers).

All are jobs: a record with an action, which the lifecycle carries out after the answer. Each API shows its own jobs in
its own shape; jobs of the kind :data:`SILENT` are shown by none, they only take time.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from koprogo_fleet.lab.ovh_api.calls import Call
from koprogo_fleet.lab.ovh_api.faults import Kind
from koprogo_fleet.lab.ovh_api.state import Record, next_number

OPERATION = "operation"
VRACK = "vrack"
SERVER = "server"
IP_LOAD_BALANCER = "ip-load-balancer"
SILENT = "silent"

WAITING = "waiting"
DONE = "done"
FAILED = "failed"


class Part(NamedTuple):
    """A sub-operation: what else the operation does."""

    action: str
    resource_id: str


def start(  # noqa: PLR0913 - what a job is, by name
    call: Call,
    data: Record,
    kind: str,
    action: str,
    arguments: Mapping[str, Any],
    *,
    owner: str,
    resource_id: str | None = None,
    parts: Sequence[Part] = (),
) -> Record:
    """
    Add a job to the state that is being changed; it is carried out once the change is saved.

    Args:
        call: whose fault and delay the job plays.
        data: the state, within its ``change``.
        kind: whose job it is: :data:`OPERATION`, :data:`VRACK`, …
        action: names the effect, and what the API shows.
        arguments: for the effect.
        owner: the region of an operation, the service of a task.
        resource_id: what the operation makes or changes.
        parts: its sub-operations.
    """
    job = {
        "id": str(uuid.uuid4()) if kind in (OPERATION, SILENT) else str(next_number(data)),
        "kind": kind,
        "action": action,
        "arguments": dict(arguments),
        "owner": owner,
        "resource_id": resource_id,
        "parts": [part._asdict() for part in parts],
        "status": WAITING,
        "created": call.now,
        "finished": None,
        "fault": call.fault if call.fault in (Kind.NEVER_DONE, Kind.IN_ERROR) else None,
        "delay": call.delay,
        "purged": kind == SILENT or (kind == VRACK and call.fault != Kind.IN_ERROR),  # no longer found once done
        "task": "run",
    }
    data["jobs"][job["id"]] = job
    call.lifecycle.begin("jobs", str(job["id"]))
    return job


def failed(job: Record) -> bool:
    """Whether the job is to leave what a failure leaves."""
    return bool(job["fault"] == Kind.IN_ERROR)


def of(data: Record, kind: str, owner: str | None = None) -> list[Record]:
    """Return the jobs of one kind, and of one owner."""
    return [job for job in data["jobs"].values() if job["kind"] == kind and owner in (None, job["owner"])]


def moment(seconds: float | None) -> str | None:
    """Return a point in time as OVH writes it; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
