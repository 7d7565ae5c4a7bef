"""Another machine's host key, taken with OVH's evidence that there is another machine."""

from __future__ import annotations

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.events import Note
from koprogo_fleet.ssh.connection import CONNECTION_NAME, shown_host_key
from koprogo_fleet.ssh.host_keys import fingerprint, key_blob
from koprogo_fleet.ssh.login import Login, login_of
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.host_keys import FILE, is_another, read_met
from koprogo_fleet.workflows.inventory import sync_files
from koprogo_fleet.workflows.phases.life import Life


class NewKey:
    """The host key of a machine that has a node's name, and was not made by us."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def look(self, run: Context) -> None:
        """
        Find out whether OVH shows another machine than the one whose key is known, and which key it shows.

        Raises:
            Unreachable: it does not answer.
        """
        name = self._life.name
        sync_files(run.api, run.fleet, run.directory)
        run.open_inventory()
        if name not in run.hosts or not self._proven(run):
            return
        known, shown = run.known_hosts.get(name), shown_host_key(self._login(run))
        if known is None or key_blob(known) == key_blob(shown):
            return
        self._life.new_key = shown
        old, new = fingerprint(key_blob(known)), fingerprint(key_blob(shown))
        run.report.differences.append(Difference(Operation.CHANGE, f"host key of {name}", old, new))

    def enrol(self, run: Context) -> None:
        """Know the machine by the key that it has shown."""
        name, shown = self._life.name, self._life.new_key
        if not shown:
            return
        told = f"OVH has another instance {name} than the one with the known host key"
        run.known_hosts.put(name, shown, addresses=(self._login(run).address,))
        run.listener(Note(f"{told}: it is known by {fingerprint(key_blob(shown))} from now on"))

    def _proven(self, run: Context) -> bool:
        assert run.nornir is not None  # noqa: S101 - look() opens it
        instance = str(run.nornir.inventory.hosts[self._life.name].get("instance_id", ""))
        met = read_met(run.state / FILE).get(self._life.name)
        return bool(instance) and is_another(met, run.known_hosts.get(self._life.name), instance)

    def _login(self, run: Context) -> Login:
        assert run.nornir is not None  # noqa: S101 - look() opens it
        host = run.nornir.inventory.hosts[self._life.name]
        wanted = host.get_connection_parameters(CONNECTION_NAME)
        return login_of(wanted.hostname, wanted.username, wanted.password, wanted.port, wanted.extras or {})
