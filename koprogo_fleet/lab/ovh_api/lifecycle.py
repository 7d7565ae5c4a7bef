"""
What goes on after an answer: instances boot, volumes attach, networks appear.

Work under way is a record's ``task``, written to the state before it begins; :meth:`Lifecycle.resume` takes up what a
killed emulator left. Every task can run twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.lab.machines import Machines
from koprogo_fleet.lab.ovh_api.faults import Kind
from koprogo_fleet.lab.ovh_api.instance_tasks import InstanceTasks, Work
from koprogo_fleet.lab.ovh_api.state import Record, State

_log = logging.getLogger(__name__)


_NOT_ATTACHED = {"status": "available", "attached_to": None}
"""What Nova leaves when it cannot attach a volume: Cinder has it back, free (compute manager, ``unreserve_volume``)."""

Effect = Callable[[Record, Record], None]
"""Changes the state as a job (the second argument) says; where its *fault* is "in-error", to what a failure leaves."""


class Lifecycle:
    """
    Carries out the tasks of the state's records: a few at a time, and one at a time on one object.

    Args:
        state: whose records.
        machines: what instances, networks and volumes are made on.
        effects: what the jobs do, by their action: see :mod:`koprogo_fleet.lab.ovh_api.jobs`.
        workers: how many tasks at a time.
    """

    def __init__(self, state: State, machines: Machines, effects: Mapping[str, Effect], workers: int = 4) -> None:
        self._state = state
        self._effects = effects
        self._machines = machines
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="ovh-lifecycle")
        self._locks: dict[str, threading.Lock] = {}
        self._work: dict[str, dict[str, Work]] = {
            "instances": InstanceTasks(state, machines).by_name,
            "networks": {
                "create": self._create_network,
                "activate": self._create_network,
                "delete": self._delete_network,
            },
            "volumes": {
                "create": self._create_volume,
                "attach": self._attach_volume,
                "extend": self._extend_volume,
                "detach": self._detach_volume,
                "delete": self._delete_volume,
            },
            "jobs": {"run": self._job},
        }

    def begin(self, collection: str, record_id: str) -> None:
        """Carry out the task that the record names; returns at once."""
        with self._state.look() as data:
            task = data[collection][record_id]["task"]
        self._pool.submit(self._run, collection, record_id, task).add_done_callback(_log_bug)

    def resume(self) -> None:
        """Take up what was under way, and start the machines that should run but do not."""
        with self._state.change() as data:
            for network_id in data["networks"]:
                self._machines.ensure_network(network_id)
            for record in data["instances"].values():
                if record["task"] is None and is_off(record, self._machines):
                    record["task"] = "start"
            pending = [(name, key) for name in self._work for key, item in data[name].items() if item["task"]]
        for collection, record_id in pending:
            self.begin(collection, record_id)

    def close(self) -> None:
        """End after the tasks that have begun; the others wait in the state."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, collection: str, record_id: str, task: str) -> None:
        with self._locks.setdefault(record_id, threading.Lock()):
            with self._state.look() as data:
                record = dict(data[collection].get(record_id, {"task": None}))
            if record["task"] != task:  # overtaken, by a deletion
                return
            changes: Record | None
            try:
                changes = self._work[collection][task](record)
            except (KoprogoError, OSError) as error:
                _log.exception("%s of %s %s", task, collection, record_id)
                changes = _left_by(collection, task) | {"fault": str(error)}
            with self._state.change() as data:
                if changes is None:
                    _forget(data, collection, record_id)
                elif data[collection][record_id]["task"] == task:
                    data[collection][record_id].update({"task": None, **changes})

    # networks

    def _create_network(self, record: Record) -> Record:
        self._machines.ensure_network(record["id"])
        return {"status": "ACTIVE", "building": []}

    def _delete_network(self, record: Record) -> None:
        self._machines.remove_network(record["id"])

    # volumes

    def _create_volume(self, _record: Record) -> Record:
        return {"status": "available"}

    def _attach_volume(self, record: Record) -> Record:
        if record.get("fault") == Kind.ATTACH_FAILS:
            return _NOT_ATTACHED
        if record.get("fault") == Kind.IN_ERROR:
            return {"status": "error", "attached_to": None}
        self._machines.attach_volume(record["attached_to"], record["id"], record["size"])
        return {"status": "in-use"}

    def _detach_volume(self, record: Record) -> Record:
        self._machines.detach_volume(record["attached_to"], record["id"])
        return {"status": "available", "attached_to": None}

    def _extend_volume(self, record: Record) -> Record:
        if record["attached_to"]:
            self._machines.attach_volume(record["attached_to"], record["id"], record["size"])
            return {"status": "in-use"}
        return {"status": "available"}

    def _delete_volume(self, record: Record) -> None:
        self._machines.delete_volume(record["id"])

    # what happens in the state alone

    def _job(self, record: Record) -> Record | None:
        if record["fault"] == Kind.NEVER_DONE:
            return {"task": "run"}
        time.sleep(record["delay"])
        with self._state.change() as data:
            self._effects[record["action"]](data, record)
        if record["purged"]:
            return None
        return {"status": "failed" if record["fault"] == Kind.IN_ERROR else "done", "finished": time.time()}


def _left_by(collection: str, task: str) -> Record:
    """Return what a task that failed leaves behind."""
    if task == "attach":
        return _NOT_ATTACHED
    return {"status": "error" if collection == "volumes" else "ERROR"}


def _forget(data: Record, collection: str, record_id: str) -> None:
    """Remove a record, and what points to it."""
    del data[collection][record_id]
    if collection == "instances":
        release_floating_ips(data, record_id)
        for volume in data["volumes"].values():
            if volume["attached_to"] == record_id:
                volume.update(attached_to=None, status="available", task=None)
        for group in data["groups"].values():
            if record_id in group["instance_ids"]:
                group["instance_ids"].remove(record_id)
    elif collection == "networks":
        for subnet_id in [key for key, subnet in data["subnets"].items() if subnet["network_id"] == record_id]:
            del data["subnets"][subnet_id]


def release_floating_ips(data: Record, entity_id: str) -> None:
    """Let the floating IPs of an instance or load balancer that is gone lead nowhere; they stay, and cost."""
    for floating in data["floating_ips"].values():
        if floating["entity"] and floating["entity"]["id"] == entity_id:
            floating.update(entity=None, status="down")


def is_off(record: Record, machines: Machines) -> bool:
    """Whether an instance that should run does not: it crashed, or was switched off from within."""
    return record["status"] == "ACTIVE" and not record["fault"] and not machines.is_running(record["id"])


def _log_bug(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.error("a task ended with a bug", exc_info=error)
