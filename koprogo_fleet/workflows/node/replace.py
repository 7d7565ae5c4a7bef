"""``node replace``: another machine for a node whose own is gone or broken; the first control plane included."""

from __future__ import annotations

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.events import Note
from koprogo_fleet.provision.apply import apply
from koprogo_fleet.provision.kinds.attachment import ATTACHMENT
from koprogo_fleet.provision.kinds.instance import INSTANCE
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import Plan, destroy_plan
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.node.life import Course
from koprogo_fleet.workflows.node.remove import leaving
from koprogo_fleet.workflows.phases.life import Life
from koprogo_fleet.workflows.provision import PROVISION
from koprogo_fleet.workflows.run import Phase


class Machine:
    """The node's instance, which goes; its volume is detached and kept."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def look(self, run: Context) -> None:
        """Tell what becomes of it. A machine that has never been a node is what an earlier run has made: it stays."""
        if self._life.is_fresh:
            run.listener(Note(f"{self._life.name} has a new machine already: it only joins"))
            return
        found = self._deletion(run)
        for step in found.steps:
            new = "created again" if step.kind is INSTANCE else "to the new instance"
            run.report.differences.append(Difference(Operation.REPLACE, str(step.ref), "deleted", new))
        if not found.steps:
            run.report.differences.append(Difference(Operation.CREATE, str(INSTANCE.ref(self._life.name))))

    def delete(self, run: Context) -> None:
        """
        Delete the instance, and wait until it is gone.

        Raises:
            OvhError: the API refuses.
        """
        if not self._life.is_fresh:
            apply(self._deletion(run), run.api, confirmed=run.confirmed, keeper=run.vault, listener=run.listener)
        if run.nornir:  # the connections to what was there; the next phases open the inventory anew
            run.nornir.close_connections()

    def _deletion(self, run: Context) -> Plan:
        whole = destroy_plan(observe(run.api, run.fleet, run.vault), run.fleet)
        return whole.only(lambda step: step.kind in {INSTANCE, ATTACHMENT} and step.ref.name == self._life.name)


def _looks(life: Life) -> tuple[Phase[Context], ...]:
    return (
        Phase("Look: the node and the others", life.look),
        Phase("Look: its machine", Machine(life).look),
    )


def _acts(life: Life) -> tuple[Phase[Context], ...]:
    return (*leaving(life), Phase("Cloud: its instance goes", Machine(life).delete), *PROVISION)


REPLACE = Course(
    command="node replace",
    loses="its instance is deleted at OVH, with what is on its own disk; its volume is kept",
    gives_up=True,
    looks=_looks,
    acts=_acts,
    goes=True,
)
