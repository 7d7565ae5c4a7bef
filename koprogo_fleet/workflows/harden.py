"""The baseline alone: looked at, or brought about, and told control by control."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.hosts.baseline.verdict import Status, Verdict, verdicts
from koprogo_fleet.inventory.documents import KNOWN_HOSTS
from koprogo_fleet.runner.outcome import Outcome
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.runner.runner import FleetRunner
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.workflows.certificates import Signatures, signatures
from koprogo_fleet.workflows.context import RETRIES
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.run import Phase, Report, run_phases, stop_at_failure
from koprogo_fleet.workflows.target import CloudTarget
from koprogo_fleet.workflows.vault import vault_on_demand
from koprogo_tasks import baseline, claim

COMMAND = "harden"
CLAIM = "Claim"
BASELINE = "Baseline"


@dataclass(frozen=True)
class Hardened:
    """
    How every control is on every node that could be asked.

    *failed* are the nodes that could not be, or where a step failed, with the reason.
    """

    nodes: Mapping[str, tuple[Verdict, ...]]
    failed: Mapping[str, str]

    def count(self, status: Status) -> int:
        """Return on how many nodes how many controls are so."""
        return sum(verdict.status is status for verdicts in self.nodes.values() for verdict in verdicts)

    @property
    def all_pass(self) -> bool:
        """Whether every node was asked, and nothing on it is to be mended."""
        return not self.failed and not self.count(Status.FAIL)


def report(fleet: Fleet, directory: Path, target: CloudTarget, listener: Listener, found: Report) -> Hardened:
    """
    Look at every node, and change nothing; *found* takes the differences in.

    A node that cannot be asked is in the answer, and does not keep the others from being asked.
    """
    with _run(fleet, directory, target, listener, found, dry_run=True) as run:
        run_phases((Phase(f"{BASELINE}: look", run.baseline),), None, found, listener)
        return run.hardened()


def harden(fleet: Fleet, directory: Path, target: CloudTarget, listener: Listener, done: Report) -> Hardened:
    """
    Bring the baseline of every node about; *done* takes in what was changed.

    Raises:
        KoprogoError: a node failed; running it again goes on from there.
    """
    state = state_dir(fleet.name)
    with (
        exclusive(state, COMMAND),
        Journal(state, COMMAND, target.kind, listener=listener) as journal,
        _run(fleet, directory, target, listener, done, dry_run=False) as run,
    ):
        phases = (Phase("Claim of the nodes", partial(run.claim, journal)), Phase(BASELINE, run.baseline))
        run_phases(phases, None, done, listener, step=journal.step)
        return run.hardened()


@dataclass
class _Run:
    """One round over the fleet's nodes that are in the inventory."""

    fleet: Fleet
    directory: Path
    listener: Listener
    report: Report
    dry_run: bool
    signs: Signatures | None
    nornir: Any
    outcomes: Mapping[str, Outcome]

    @property
    def hosts(self) -> Sequence[str]:
        return [node.name for node in self.fleet.nodes if node.name in self.nornir.inventory.hosts]

    def claim(self, journal: Journal, _context: None) -> None:
        """Claim every node, and have each change fenced and written down from now on."""
        options = {"run_id": journal.run_id, "listener": self.listener}
        outcomes = self._on_hosts(CLAIM, claim, options)
        runner: FleetRunner = self.nornir.runner
        runner.fences = {name: outcome.value for name, outcome in outcomes.items()}
        runner.journal = journal

    def baseline(self, _context: None) -> None:
        """Look at, or bring about, the baseline of all nodes at once."""
        known_hosts = KnownHosts(self.directory / KNOWN_HOSTS)
        certificates = partial(self.signs.on_node, known_hosts, dry_run=self.dry_run) if self.signs else None
        options = {"fleet": self.fleet, "dry_run": self.dry_run, "certificates": certificates}
        self.outcomes = self._on_hosts(BASELINE, baseline, options)

    def hardened(self) -> Hardened:
        """Return what was found."""
        mended = not self.dry_run
        return Hardened(
            {
                name: verdicts(outcome.value, mended=mended)
                for name, outcome in self.outcomes.items()
                if outcome.error is None
            },
            {name: str(outcome.error) for name, outcome in self.outcomes.items() if outcome.error is not None},
        )

    def _on_hosts(self, phase: str, task: Any, options: Mapping[str, Any]) -> Mapping[str, Outcome]:
        keep = partial(self.report.add, phase)
        outcomes = run_on(self.nornir, self.hosts, phase, task, self.listener, options, keep=keep)
        if not self.dry_run:
            stop_at_failure(outcomes.values())
        return outcomes


@contextmanager
def _run(  # noqa: PLR0913 - what it needs, by name
    fleet: Fleet, directory: Path, target: CloudTarget, listener: Listener, filled: Report, *, dry_run: bool
) -> Generator[_Run]:
    with vault_on_demand(target.vault) as vault, signatures(fleet, vault) as signs:
        options = {"max_failures": "100%"} if dry_run else {"retries": RETRIES}
        nornir = open_nornir(directory, **options)
        try:
            yield _Run(fleet, directory, listener, filled, dry_run, signs, nornir, {})
        finally:
            nornir.close_connections()
