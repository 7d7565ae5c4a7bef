"""
Another server token, or agent token, for a running cluster.

Vault has the new one first, beside the old (``server_next``): whatever is interrupted, the next run finds it there, asks the
servers which of the two they want, and goes on; there is never a third. What Vault had before stays readable as an older
version of the secret: a snapshot taken before the rotation can only be restored with the token of its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from koprogo_fleet.core.contradictions import JOIN_TOKENS
from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandFailed, CommandTimeout, NotConverged, SessionLost
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.tokens import (
    TokenState,
    password_of,
    storage_key,
    stored_under,
    to_restart,
    who_shall_ask,
    with_password,
)
from koprogo_fleet.hosts.k3s.unit import unit_name
from koprogo_fleet.secrets.kinds.random_password import random_password
from koprogo_fleet.vault.client import Stored
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.claim import still_ours
from koprogo_fleet.workflows.phases.cluster import PASSWORD_LENGTH, PENDING
from koprogo_tasks import look_at_tokens, read_token_file, restart_k3s, rotate_server_token, write_token_file

PHASE = "Token"
CURRENT, NEXT = "current", "next"
_NODE_USERS = {"server": "server", "agent": "node"}


@dataclass
class TokenRotation:
    """
    The rotation of one token; its methods are the phases.

    Attributes:
        run: what it works on.
        name: "server" or "agent", as the key in Vault.
    """

    run: Context
    name: str
    tokens: dict[str, Secret] = field(default_factory=dict)

    @property
    def _path(self) -> str:
        return f"{self.run.fleet.vault.folder}/{JOIN_TOKENS}"

    @property
    def _pending(self) -> str:
        return self.name + PENDING

    @property
    def _servers(self) -> list[str]:
        return self.run.of_role(Role.SERVER)

    @property
    def _file(self) -> str:
        """The file on a server that holds this token."""
        return paths.TOKEN if self.name == "server" else paths.AGENT_TOKEN

    def look(self) -> None:
        """Read both tokens, and which of them each server accepts; in a plan, tell what would be done."""
        stored = self._read()
        self.tokens = {CURRENT: stored.values[self.name]}
        if self._pending in stored.values:
            self.tokens[NEXT] = stored.values[self._pending]
            self.run.listener(Note(f"a rotation of the {self.name} token was interrupted: it goes on"))
        states = self._ask()
        told = ", ".join(
            f"{name}: {' and '.join(sorted(state.accepts)) or 'neither'}" for name, state in states.items()
        )
        self.run.listener(Note(f"accepted {self.name} tokens: {told}"))
        if self.run.dry_run:
            for name in self._servers:
                self.run.report.host(name).differences.append(
                    Difference(
                        Operation.CHANGE, f"{self.name} token", f"version {stored.version} in Vault", "a new one"
                    )
                )

    def keep_first(self) -> None:
        """Write the new token to Vault before anybody else has it."""
        if NEXT in self.tokens:
            return
        stored = self._read()
        if stored.values[self.name] != self.tokens[CURRENT] or self._pending in stored.values:
            raise NotConverged(
                f"{self._path} in Vault was changed meanwhile",
                cause="another run, or a person",
                next_step="the same again: it looks at everything anew",
            )
        new = random_password(PASSWORD_LENGTH)
        still_ours(self.run)
        self.run.vault.write(self._path, {**stored.values, self._pending: new}, expected_version=stored.version)
        self.tokens[NEXT] = new
        self._tell(f"Vault secret {self._path}", f"version {stored.version}", f"the next {self.name} token beside it")

    def order(self) -> None:
        """Have one server put the bootstrap data under the new server token; etcd tells whether that has been done."""
        if self.name != "server":
            return
        if self._is_stored_under(NEXT):
            return
        if not self._is_stored_under(CURRENT):
            raise NotConverged(
                "the cluster's bootstrap data is under neither of the two server tokens in Vault",
                cause="the token was rotated by hand, or Vault was restored from an older copy",
                next_step=f"compare {paths.SERVER_TOKEN} on the first server with {self._path} in Vault and its versions",
            )
        asked = who_shall_ask(self._ask(), CURRENT)
        if asked is None:  # an order that was broken off: the server's own file still has the current token
            self._restart(self._servers[0], "goes back to the token of the bootstrap data")
            asked = self._servers[0]
        failed: CommandFailed | CommandTimeout | SessionLost | None = None
        try:
            self.run.on_hosts([asked], PHASE, rotate_server_token, current=self.tokens[CURRENT], new=self.tokens[NEXT])
        except (CommandFailed, CommandTimeout, SessionLost) as error:
            failed = error
        if not self._is_stored_under(NEXT):
            raise failed or NotConverged(
                f"{asked} says that it rotated the server token, and etcd does not show it",
                next_step=f"on {asked}: journalctl -u k3s -n 50; then the same again",
            )
        if failed:
            self.run.listener(Note(f"{asked} reported an error, and has rotated the token all the same: {failed.seen}"))

    def hand_out(self) -> None:
        """Write the new token into the file of every server, and of every agent that has the old one."""
        for name in self._servers:
            self._write(name, self._file)
        for name in self._agents():
            self._write(name, paths.TOKEN)

    def restart_servers(self) -> None:
        """Restart the servers that have not read their file, one at a time, each behind the quorum guard."""
        for name in self._servers:
            if to_restart(self._ask([name]), NEXT):
                self._restart(name, f"reads the new {self.name} token")

    def restart_agents(self) -> None:
        """Restart the agents that have not read theirs."""
        agents = self._agents()
        if not agents:
            return
        unit = unit_name(Role.AGENT)
        found = self.run.on_hosts(agents, PHASE, look_at_tokens, user="node", passwords={}, unit=unit)
        for name in agents:
            if found[name].value.stale:
                self._restart(name, f"reads the new {self.name} token")

    def commit(self) -> None:
        """Make sure that every server accepts the new token and no other, and make it the current one in Vault."""
        states = self._ask()
        wrong = [name for name, state in states.items() if state.accepts != {NEXT}]
        if wrong:
            raise NotConverged(
                f"not the new {self.name} token alone is accepted by {', '.join(wrong)}",
                cause="K3s there was not restarted, or another file gives it another token",
                next_step=f"on {wrong[0]}: journalctl -u k3s -n 50; then the same again",
            )
        stored = self._read()
        values = {key: value for key, value in stored.values.items() if key != self._pending}
        still_ours(self.run)
        version = self.run.vault.write(
            self._path, {**values, self.name: self.tokens[NEXT]}, expected_version=stored.version
        )
        self._tell(f"Vault secret {self._path}", f"version {stored.version}", f"version {version}")

    def kept(self) -> Secret:
        """
        Return the current token in Vault, whatever is under way.

        Raises:
            NotConverged: there is none.
        """
        return self._read().values[self.name]

    def refusing(self, token: Secret) -> list[str]:
        """Return the servers that do not accept *token*."""
        self.tokens = {CURRENT: token}
        return [name for name, state in self._ask().items() if CURRENT not in state.accepts]

    def _read(self) -> Stored:
        stored = self.run.vault.read(self._path)
        if stored is None or self.name not in stored.values:
            raise NotConverged(
                f"Vault has no {self.name} token of the cluster ({self._path})",
                cause="the cluster was not made by koprogo-fleet, or Vault is another one",
                next_step="koprogo-fleet provision",
            )
        return stored

    def _ask(self, names: list[str] | None = None) -> Mapping[str, TokenState]:
        servers = names or self._servers
        user = _NODE_USERS[self.name]
        found = self.run.on_hosts(
            servers, PHASE, look_at_tokens, user=user, passwords=self.tokens, token_file=self._file
        )
        return {name: found[name].value for name in servers}

    def _is_stored_under(self, label: str) -> bool:
        return storage_key(self.tokens[label]) in stored_under(self._ask().values())

    def _agents(self) -> list[str]:
        """Return the agents that join with this token: their file has it in its old or new form."""
        workers = self.run.of_role(Role.AGENT)
        if not workers:
            return []
        found = self.run.on_hosts(workers, PHASE, read_token_file)
        return [name for name in workers if password_of(found[name].value) in list(self.tokens.values())]

    def _write(self, name: str, path: str) -> None:
        present: Secret = self.run.on_hosts([name], PHASE, read_token_file, path=path)[name].value
        token = with_password(present, self.tokens[NEXT])
        self.run.on_hosts([name], PHASE, write_token_file, token=token, path=path)

    def _restart(self, name: str, reason: str) -> None:
        self.run.on_hosts([name], PHASE, restart_k3s, fleet=self.run.fleet, reason=reason, listener=self.run.listener)

    def _tell(self, what: str, old: str, new: str) -> None:
        self.run.report.differences.append(Difference(Operation.CHANGE, what, old, new))
