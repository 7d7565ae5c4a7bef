"""
New keys for the encryption of Secrets: K3s' stages one by one, each seen on every server before the next one begins.

A canary Secret is read on every server before and after each step: the moment that one of them cannot show it, nothing more
is done. See :mod:`koprogo_fleet.hosts.k3s.encryption_stages` for the rules.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandFailed, CommandTimeout, NotConverged, SessionLost, WaitTimeout
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.k3s.encryption import CANARY_NAME, CANARY_NAMESPACE, Encryption, Stage
from koprogo_fleet.hosts.k3s.encryption_stages import (
    Await,
    Command,
    Done,
    NextStep,
    Restart,
    Stop,
    key_to_replace,
    next_step,
    under_way,
)
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.rotation.record import RotationRecord
from koprogo_tasks import change_encryption, look_at_encryption, restart_k3s

PHASE = "Encryption"
OLD_KEY = "old_key"
STAGE_SECONDS = 60.0
"""For a stage to be seen after its command, and for a server to show its stage after a start."""
SETTLE_SECONDS = 5.0
"""A server's files change one after the other: for a moment they do not fit each other."""
CANARY_SECONDS = 30.0
"""For a server that is busy; nothing is done meanwhile."""
REENCRYPT_SECONDS = 1800.0
"""K3s writes some five Secrets a second (docs.k3s.io, "secrets-encrypt")."""
LARGEST_NUMBER_OF_STEPS = 12
"""Above the commands, by which each server may be restarted: more means that the cluster goes in circles."""


@dataclass
class EncryptionRotation:
    """
    The rotation; its methods are the phases.

    Attributes:
        run: what it works on.
        snapshot: takes a snapshot of etcd, before anything is changed.
        canary: the canary Secret's value, in base64; empty until it is made.
    """

    run: Context
    snapshot: Callable[[Context], None]
    canary: str = ""

    @property
    def _record(self) -> RotationRecord:
        return RotationRecord(self.run.state, "encryption")

    def look(self) -> None:
        """Ask every server for its stage and keys; refuse at once what must not be begun, or gone on with."""
        servers, step = self._decide(self._ask)
        for name, found in servers.items():
            keys = ", ".join([f"{found.active} writes", *(f"{key} reads" for key in found.inactive)])
            self.run.listener(Note(f"{name}: stage {found.stage}: {keys}"))
        if under_way(servers) or self._old_key():
            self.run.listener(Note("a rotation of the encryption keys was interrupted: it goes on"))
        if self.run.dry_run and not isinstance(step, Done):
            for name in servers:
                self.run.report.host(name).differences.append(
                    Difference(Operation.CHANGE, "encryption key of Secrets", key_to_replace(servers), "a new one")
                )

    def safety(self) -> None:
        """Take a snapshot unless a rotation is under way already, write down which key goes, and make the canary."""
        servers = self._ask()
        if self._old_key() is None:
            if not under_way(servers):
                self.snapshot(self.run)
            self._record.write({OLD_KEY: key_to_replace(servers)})
        with self.run.cluster() as (cluster, _):
            found = cluster.secret(CANARY_NAMESPACE, CANARY_NAME)
            if found and "value" in found:
                value = found["value"].reveal()
            else:
                value = secrets.token_hex(16)
                metadata = {"name": CANARY_NAME, "namespace": CANARY_NAMESPACE}
                manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"value": value}}
                cluster.apply(manifest)
            self.canary = base64.b64encode(value.encode()).decode()
        self._ask_whole()

    def stages(self) -> None:
        """Do the one step that may come next, look, and so on until nothing is left."""
        told = ""
        for _ in range(LARGEST_NUMBER_OF_STEPS + 6 * len(self._servers)):
            servers, step = self._decide(self._ask_whole)
            stages = ", ".join(f"{name} {found.stage}" for name, found in servers.items())
            if stages != told:
                self.run.listener(Note(f"stages: {stages}"))
                told = stages
            match step:
                case Done():
                    return
                case Restart(host):
                    self._restart(host)
                case Await(host):
                    self._await(host)
                case Command():
                    self._command(step)
        raise NotConverged(
            "the rotation of the encryption keys goes in circles",
            cause=f"last seen: {told}",
            next_step="on each server: k3s secrets-encrypt status, journalctl -u k3s -n 50",
        )

    def verify(self) -> None:
        """Make sure that all servers have the same keys and the old one is gone; then the canary and the record go."""
        servers = self._ask_whole()
        old = self._old_key()
        keys = {(found.active, *found.inactive) for found in servers.values()}
        hashes = {found.hashes for found in servers.values() if found.hashes}
        if len(keys) != 1 or hashes or old in next(iter(keys)):
            raise NotConverged(
                f"the encryption keys are not settled: {'; '.join(sorted(hashes)) or keys}",
                next_step="on each server: k3s secrets-encrypt status; then the same again",
            )
        with self.run.cluster() as (cluster, _):
            cluster.delete("v1", "Secret", CANARY_NAME, CANARY_NAMESPACE)
        self._record.forget()
        self.run.listener(Note(f"Secrets are encrypted with {next(iter(keys))[0]}; {old} is gone"))

    @property
    def _servers(self) -> list[str]:
        return self.run.of_role(Role.SERVER)

    def _old_key(self) -> str | None:
        return (self._record.read() or {}).get(OLD_KEY)

    def _ask(self) -> Mapping[str, Encryption]:
        names = self._servers
        found = self.run.on_hosts(names, PHASE, look_at_encryption)
        return {name: found[name].value for name in names}

    def _decide(self, ask: Callable[[], Mapping[str, Encryption]]) -> tuple[Mapping[str, Encryption], NextStep]:
        """
        Look, and say what comes next.

        Raises:
            NotConverged: nothing may be done, and that was no moment in which a server was just writing its files.
        """
        seen: list[Stop] = []

        def look() -> tuple[Mapping[str, Encryption], NextStep]:
            servers = ask()
            step = next_step(servers, old_key=self._old_key())
            if isinstance(step, Stop):
                seen.append(step)
                raise NotYet(step.reason)
            return servers, step

        try:
            return wait_for("servers that belong together", look, seconds=SETTLE_SECONDS, listener=self.run.listener)
        except WaitTimeout as error:
            raise NotConverged(
                seen[-1].reason,
                cause="going on could leave Secrets that no server can read; nothing was changed",
                next_step=seen[-1].next_step,
            ) from error

    def _ask_whole(self) -> Mapping[str, Encryption]:
        """
        Ask as :meth:`_ask` does, until every server shows the canary Secret.

        Raises:
            NotConverged: one of them cannot.
        """

        def look() -> Mapping[str, Encryption]:
            servers = self._ask()
            blind = [f"{name}: {found.canary[:200]}" for name, found in servers.items() if found.canary != self.canary]
            if blind:
                raise NotYet("; ".join(blind))
            return servers

        try:
            return wait_for(
                "the canary Secret on every server", look, seconds=CANARY_SECONDS, listener=self.run.listener
            )
        except WaitTimeout as error:
            raise NotConverged(
                f"the canary Secret {CANARY_NAMESPACE}/{CANARY_NAME} cannot be read: {error.last_observation}",
                cause="a server is down, or has not got the key that another one writes with",
                next_step="koprogo-fleet k3s status; restart K3s on the servers named, one by one; then the same again",
            ) from error

    def _command(self, command: Command) -> None:
        failed: CommandFailed | CommandTimeout | SessionLost | None = None
        try:
            self.run.on_hosts([command.host], PHASE, change_encryption, command=command)
        except (CommandFailed, CommandTimeout, SessionLost) as error:
            failed = error
        reached = {command.leads_to}
        if command.leads_to is Stage.REENCRYPT_ACTIVE:
            reached.add(Stage.REENCRYPT_FINISHED)

        def look() -> None:
            stage = self._ask()[command.host].stage
            if stage not in reached:
                raise NotYet(f"{command.host} is at {stage}")

        try:
            wait_for(f"stage {command.leads_to}", look, seconds=STAGE_SECONDS / 4, listener=self.run.listener)
        except WaitTimeout as timeout:
            raise failed or timeout from timeout
        if failed:
            self.run.listener(Note(f"{command.words} reported an error, and has done it all the same: {failed.seen}"))

    def _await(self, host: str) -> None:
        """Wait for a server; one that stays where it is goes back to its last stage by a restart."""

        def look() -> None:
            servers = self._ask_whole()
            if isinstance(next_step(servers, old_key=self._old_key()), Await):
                raise NotYet(f"{host} is at {servers[host].stage}")

        active = self._ask()[host].stage is Stage.REENCRYPT_ACTIVE
        seconds = REENCRYPT_SECONDS if active else STAGE_SECONDS
        try:
            wait_for(f"{host} to go on", look, seconds=seconds, listener=self.run.listener)
        except WaitTimeout as error:
            self.run.listener(Note(f"{error.seen}; it is restarted, and begins the stage again"))
            self._restart(host)

    def _restart(self, host: str) -> None:
        reason = "reads the encryption keys"
        self.run.on_hosts([host], PHASE, restart_k3s, fleet=self.run.fleet, reason=reason, listener=self.run.listener)

        def look() -> None:
            found = self._ask()[host]
            if found.stage is None or found.canary != self.canary:
                raise NotYet(found.error or f"the canary Secret: {found.canary[:100]}")

        wait_for(f"{host} to tell its stage", look, seconds=STAGE_SECONDS, listener=self.run.listener)
