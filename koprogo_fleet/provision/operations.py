"""Calls that answer with an operation or a task: what they made, and when they are done."""

from __future__ import annotations

from koprogo_fleet.core.errors import OvhError, OvhNotFound
from koprogo_fleet.core.wait import NotYet
from koprogo_fleet.ovh.operations import FAILED, Operation, get_operation
from koprogo_fleet.ovh.vracks import VrackTask, is_task_done
from koprogo_fleet.provision.site import Site

_SECONDS = 120.0
_VRACK_SECONDS = 3600.0


def made(site: Site, operation: Operation, action: str) -> str:
    """
    Return the id of what *operation* makes by *action* ("gateway#create"); it may be told a moment after the answer.

    An operation that failed may have made its object nevertheless: its id is returned, and its own state says more.

    Raises:
        OvhError: the operation failed, and made nothing.
        WaitTimeout: OVH did not tell the id.
    """

    def look() -> str:
        try:
            now = get_operation(site.api, operation.id)
        except OvhNotFound as error:
            raise NotYet("the operation is not found yet") from error
        if (found := now.made(action) or now.resource_id) is not None:
            return found
        if now.status in FAILED:
            raise OvhError(
                f"OVH's operation {now.id} ({now.action}) ended as {now.status}",
                cause="OVH is out of room, or the project's quota is used up",
                next_step="look at the project in the OVH manager, then run the command again",
            )
        raise NotYet(f"status {now.status}")

    return (
        operation.made(action)
        or operation.resource_id
        or site.wait(f"operation {operation.id}: the id of what it makes", look, seconds=_SECONDS)
    )


def wait_for_vrack(site: Site, task: VrackTask, what: str) -> None:
    """
    Wait until a task of a vRack is done; Terraform's provider waits an hour for one, too.

    Raises:
        OvhError: OVH cancelled it.
        WaitTimeout: it took longer.
    """

    def look() -> None:
        if not is_task_done(site.api, task):
            raise NotYet(f"task {task.id} is under way")

    site.wait(
        f"{what}: in vRack {task.vrack_id}",
        look,
        seconds=_VRACK_SECONDS,
        next_step=f"look at vRack {task.vrack_id} in the OVH manager; run the command again to go on waiting",
    )
