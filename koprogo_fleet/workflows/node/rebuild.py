"""``node rebuild``: the same machine, at the same address, joins anew: after its disk was lost, or to be reinstalled now."""

from __future__ import annotations

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.events import Note
from koprogo_fleet.provision.reinstall import reinstall
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.node.life import Course
from koprogo_fleet.workflows.node.remove import leaving
from koprogo_fleet.workflows.phases.life import Life
from koprogo_fleet.workflows.phases.new_key import NewKey
from koprogo_fleet.workflows.provision import PROVISION
from koprogo_fleet.workflows.run import Phase


class _System:
    """The node's disk: made anew by OVH, or cleaned of K3s."""

    def __init__(self, life: Life, *, by_ovh: bool) -> None:
        self._life = life
        self._by_ovh = by_ovh

    def look(self, run: Context) -> None:
        """Tell what becomes of it."""
        shown = self._life.shown
        if self._by_ovh:
            found = Difference(Operation.REPLACE, f"system of {self._life.name}", new=f"{run.fleet.image}, by OVH")
            run.report.differences.append(found)
        elif shown.has_data or shown.joined or shown.registered:
            run.report.differences.append(Difference(Operation.DELETE, f"K3s and its data on {self._life.name}"))

    def renew(self, run: Context) -> None:
        """Make it so."""
        if self._by_ovh:
            reinstall(run.api, run.fleet, self._life.node, run.listener)
            run.listener(Note(f"{self._life.name} has a new system"))
        else:
            self._life.clean(run)
        if run.nornir:  # the connections to what was there; the next phases open the inventory anew
            run.nornir.close_connections()


def rebuild(*, by_ovh: bool) -> Course:
    """Return what is done; *by_ovh*: the system is reinstalled by OVH now, else it was before, or K3s alone is renewed."""

    def looks(life: Life) -> tuple[Phase[Context], ...]:
        system = _System(life, by_ovh=by_ovh)
        return (
            Phase("Look: its host key", NewKey(life).look),
            Phase("Look: the node and the others", life.look),
            Phase("Look: its system", system.look),
        )

    def acts(life: Life) -> tuple[Phase[Context], ...]:
        title = "System: reinstalled by OVH" if by_ovh else "System: nothing of K3s stays"
        system = Phase(title, _System(life, by_ovh=by_ovh).renew)
        return (
            *leaving(life),
            system,
            Phase("Host key: of the machine that OVH shows", NewKey(life).enrol),
            *PROVISION,
        )

    return Course(
        command="node rebuild",
        loses="what is on its disk is deleted; a volume is kept" if by_ovh else "what K3s keeps on its disk is deleted",
        gives_up=True,
        looks=looks,
        acts=acts,
    )
