"""New leaf certificates for a running cluster: one server at a time, then the agents, then our own kubeconfig."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s.certificates import earliest
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.rotation.record import RotationRecord
from koprogo_tasks import look_at_certificates, read_kubeconfig
from koprogo_tasks import rotate_certificates as rotate_task

PHASE = "Certificates"


@dataclass
class CertificateRotation:
    """The rotation; its methods are the phases."""

    run: Context

    @property
    def _record(self) -> RotationRecord:
        return RotationRecord(self.run.state, "certificates")

    def look(self) -> None:
        """Tell when each node's certificates end; in a plan, that they would be made anew."""
        ends = self._ends(self.run.hosts)
        now = datetime.now(UTC)
        for name, end in ends.items():
            left = f"{(end - now).days} days left, until {end:%Y-%m-%d}"
            self.run.listener(Note(f"{name}: certificates have {left}"))
            if self.run.dry_run:
                self.run.report.host(name).differences.append(
                    Difference(Operation.CHANGE, "leaf certificates of K3s", left, "made anew")
                )
        if self.run.dry_run:
            return
        begun = self._record.read()
        if begun is not None:
            self.run.listener(Note("a rotation of the certificates was interrupted: it goes on"))
        self._record.write({name: end.isoformat() for name, end in ends.items()} | (begun or {}))

    def servers(self) -> None:
        """Each server, one after the other, behind the quorum guard."""
        for name in self._old(self.run.of_role(Role.SERVER)):
            self._rotate([name])

    def agents(self) -> None:
        """All agents: their pods go on."""
        if workers := self._old(self.run.of_role(Role.AGENT)):
            self._rotate(workers)

    def kubeconfig(self) -> None:
        """Fetch the administrator's kubeconfig, whose certificate is another one now."""
        first = self.run.fleet.first_server.name
        fetched: Secret = self.run.on_hosts([first], PHASE, read_kubeconfig)[first].value
        write_atomically(self.run.kubeconfig, f"{fetched.reveal()}\n", mode=0o600)

    def verify(self) -> None:
        """Make sure that every certificate ends later than before."""
        if old := self._old(self.run.hosts):
            raise NotConverged(
                f"certificates were not made anew on {', '.join(old)}",
                cause="K3s did not start with new ones there",
                next_step=f"on {old[0]}: k3s certificate check; then the same again",
            )
        self._record.forget()
        now = datetime.now(UTC)
        fewest = min((end - now).days for end in self._ends(self.run.hosts).values())
        self.run.listener(Note(f"all leaf certificates have {fewest} days left, or more"))

    def _old(self, names: Iterable[str]) -> list[str]:
        """Return those of *names* whose certificates are still the ones of the record."""
        before = self._record.read() or {}
        return [
            name
            for name, end in self._ends(names).items()
            if name in before and end <= datetime.fromisoformat(before[name])
        ]

    def _ends(self, names: Iterable[str]) -> Mapping[str, datetime]:
        asked = list(names)
        if not asked:
            return {}
        found = self.run.on_hosts(asked, PHASE, look_at_certificates)
        return {name: end for name in asked if (end := earliest(found[name].value)) is not None}

    def _rotate(self, names: list[str]) -> None:
        self.run.on_hosts(names, PHASE, rotate_task, fleet=self.run.fleet, listener=self.run.listener)
