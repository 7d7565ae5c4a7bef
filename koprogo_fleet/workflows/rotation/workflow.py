"""
Rotating what K3s itself keeps secret: its tokens, its certificates, the keys that encrypt Secrets.

Each of them is a list of phases over the nodes as they are in the inventory; none asks OVH. A plan runs the first phase alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.inventory.documents import KNOWN_HOSTS
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.vault.client import Vault
from koprogo_fleet.workflows.certificates import signatures
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.jump import check_jump_host
from koprogo_fleet.workflows.phases.claim import claim
from koprogo_fleet.workflows.phases.snapshot_before import snapshot_before
from koprogo_fleet.workflows.rotation.certificates import CertificateRotation
from koprogo_fleet.workflows.rotation.encryption import EncryptionRotation
from koprogo_fleet.workflows.rotation.tokens import TokenRotation
from koprogo_fleet.workflows.run import Phase, Report, run_phases
from koprogo_fleet.workflows.target import Target

CLAIM = Phase("Claim of the nodes", claim)
_NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})


class Rotated(StrEnum):
    """What can be rotated, as the command calls it."""

    TOKEN = "token"  # noqa: S105 - a word of the command line
    AGENT_TOKEN = "agent-token"  # noqa: S105 - a word of the command line
    CERTIFICATES = "certificates"
    ENCRYPTION = "encryption"


def _tokens(name: str) -> Callable[[Context], Sequence[Phase[Context]]]:
    def phases(run: Context) -> Sequence[Phase[Context]]:
        rotation = TokenRotation(run, name)
        return (
            Phase("Look: which token the servers accept", _of(rotation.look)),
            CLAIM,
            Phase("Vault: the new token, beside the old one", _of(rotation.keep_first)),
            Phase("K3s: the shared data under the new token", _of(rotation.order)),
            Phase("Token files", _of(rotation.hand_out)),
            Phase("Servers, one by one", _of(rotation.restart_servers)),
            Phase("Agents", _of(rotation.restart_agents)),
            Phase("Vault: the new token is the current one", _of(rotation.commit)),
        )

    return phases


def _certificates(run: Context) -> Sequence[Phase[Context]]:
    rotation = CertificateRotation(run)
    return (
        Phase("Look: when the certificates end", _of(rotation.look)),
        CLAIM,
        Phase("Servers, one by one", _of(rotation.servers)),
        Phase("Agents", _of(rotation.agents)),
        Phase("Our kubeconfig", _of(rotation.kubeconfig)),
        Phase("Verify", _of(rotation.verify)),
    )


def _encryption(run: Context) -> Sequence[Phase[Context]]:
    rotation = EncryptionRotation(run, snapshot_before)
    return (
        Phase("Look: stages and keys", _of(rotation.look)),
        CLAIM,
        Phase("Snapshot, and a canary Secret", _of(rotation.safety)),
        Phase("Stages: prepare, rotate, reencrypt", _of(rotation.stages)),
        Phase("Verify", _of(rotation.verify)),
    )


_PHASES: Mapping[Rotated, Callable[[Context], Sequence[Phase[Context]]]] = {
    Rotated.TOKEN: _tokens("server"),
    Rotated.AGENT_TOKEN: _tokens("agent"),
    Rotated.CERTIFICATES: _certificates,
    Rotated.ENCRYPTION: _encryption,
}


def _of(method: Callable[[], None]) -> Callable[[Context], None]:
    return lambda _run: method()


def rotate(  # noqa: PLR0913, PLR0917 - everything that a run is made of
    what: Rotated,
    fleet: Fleet,
    directory: Path,
    target: Target,
    listener: Listener,
    report: Report,
    *,
    arguments: Mapping[str, str] = _NO_ARGUMENTS,
) -> None:
    """
    Rotate *what*; a rotation that was interrupted is gone on with, and nothing is made a third time.

    Args:
        what: to rotate.
        fleet: the desired state, for names and roles.
        directory: of its inventory.
        target: where its Vault is.
        listener: told of everything.
        report: filled as the run goes.
        arguments: kept in the journal.

    Raises:
        NotConverged: what was seen forbids it, or the end is not as it should be; the reason tells.
        KoprogoError: something stopped the run; running it again goes on from there.
    """
    state, command = state_dir(fleet.name), f"k3s rotate {what}"
    with (
        exclusive(state, command),
        Journal(state, command, target.kind, arguments=arguments, listener=listener) as journal,
        _opened(fleet, directory, target, listener, report, dry_run=False) as run,
    ):
        run.journal = journal
        rotate_within(run, what)


def rotate_within(run: Context, what: Rotated) -> None:
    """Rotate *what* as a part of *run*, which may change the fleet; raises as :func:`rotate`."""
    assert run.journal is not None  # noqa: S101 - it may change the fleet
    run_phases(_PHASES[what](run), run, run.report, run.listener, step=run.journal.step)


def plan(  # noqa: PLR0913, PLR0917 - everything that a plan is made of
    what: Rotated, fleet: Fleet, directory: Path, target: Target, listener: Listener, report: Report
) -> None:
    """
    Tell what :func:`rotate` would do, and change nothing.

    Raises:
        NotConverged: it would be refused.
        KoprogoError: something cannot be looked at.
    """
    with _opened(fleet, directory, target, listener, report, dry_run=True) as run:
        run_phases(_PHASES[what](run)[:1], run, report, listener)


@contextmanager
def _opened(  # noqa: PLR0913 - everything that a run is made of
    fleet: Fleet, directory: Path, target: Target, listener: Listener, report: Report, *, dry_run: bool
) -> Generator[Context]:
    check_jump_host(fleet, KnownHosts(directory / KNOWN_HOSTS))
    with target.vault.session() as vault, signatures(fleet, lambda: vault) as signs:
        api, kv = OvhApi(target.credentials, listener), Vault(vault, fleet.vault.mount)
        run = Context(fleet, directory, target, api, kv, listener, dry_run, report, signs)
        run.open_inventory()
        try:
            yield run
        finally:
            if run.nornir:
                run.nornir.close_connections()
