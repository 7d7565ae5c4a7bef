"""A run that is killed, and the next one that goes on."""

from __future__ import annotations

import time
from collections import Counter

from lab_fleet import Fleet

from koprogo_fleet.ovh import instances

WORKER = "koprogo-worker-3"


def assert_continued(fleet: Fleet, seconds: float) -> None:
    """Kill a run that replaces a worker after *seconds*; assert that the next one converges, and makes nothing twice."""
    _delete_worker(fleet)
    before = Counter(fleet.written())

    killed = fleet.start("provision", "--yes")
    time.sleep(seconds)
    killed.kill()
    killed.communicate()

    assert fleet.summary("provision", "--yes")["failed"] == 0
    assert fleet.differences() == {}
    made = Counter(fleet.written()) - before
    assert sum(count for call, count in made.items() if call.startswith("POST") and call.endswith("/instance")) == 1


def _delete_worker(fleet: Fleet) -> None:
    """Delete the worker at OVH and in Kubernetes, as a person would who replaces it."""
    fleet.kubectl("delete", "node", WORKER)
    instances.delete_instance(fleet.api, fleet.instance_id(WORKER))
