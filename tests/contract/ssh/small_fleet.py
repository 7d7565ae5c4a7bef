"""
A small fleet of real sshds, each with a ``/var/lib/koprogo-fleet`` of its own, and a run over it.

As a program it waits for orders on stdin, one JSON object a line, and does each in a process of its own, so that this
can be killed or stopped: ``{"state": …, "root": …, "text": …, "signal": 9, "record": 4}``. It prints the process's id,
and what it said in the end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from nornir.core import Nornir
from nornir.core.configuration import Config, LoggingConfig
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.state import GlobalState
from nornir.core.task import Result, Task
from real_sshd import running_sshd

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Event, Journaled, Listener, ignore
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.hosts.fence import DIRECTORY
from koprogo_fleet.hosts.resources import Directory, File
from koprogo_fleet.hosts.script import PENDING_DIRECTORY
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.runner.runner import FleetRunner
from koprogo_fleet.ssh.connection import CONNECTION_NAME, FleetSsh
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_tasks import claim, converge

IN_ITS_OWN_DIRECTORIES = """\
#!/bin/sh
exec unshare --mount sh -c '
  set -e
  for directory in {directories}; do
    mkdir -p "$directory" "{root}$directory"
    mount --bind "{root}$directory" "$directory"
  done
  exec {program} "$@"' sh "$@"
"""


@dataclass(frozen=True)
class Place:
    """How to log in to a node."""

    port: int
    known_hosts: str
    private_key: str


@contextmanager
def running_nodes(program: str, names: list[str], directory: Path) -> Iterator[dict[str, Place]]:
    """
    Start an sshd a node, each with its own of those directories that a run keeps its own things in.

    The home directory is an empty one: a login shell's profile would take more time than all that is tested.
    """
    own = [DIRECTORY, str(Path(PENDING_DIRECTORY).parent)]
    if not directory.is_relative_to(Path.home()):
        own.append(str(Path.home()))
    with ExitStack() as stack:
        places = {}
        for name in names:
            root = directory / name
            root.mkdir()
            wrapper = root / "sshd"
            wrapper.write_text(IN_ITS_OWN_DIRECTORIES.format(directories=" ".join(own), root=root, program=program))
            wrapper.chmod(0o700)
            sshd = stack.enter_context(running_sshd(str(wrapper), root))
            KnownHosts(sshd.login.known_hosts).put(name, sshd.host_key.public_line, ["127.0.0.1"])
            places[name] = Place(sshd.login.port, str(sshd.login.known_hosts), str(sshd.login.private_key))
        yield places


def nornir_of(places: Mapping[str, Place]) -> Nornir:
    """Return Nornir over the nodes, with the runner that gives permits."""
    ConnectionPluginRegister.available[CONNECTION_NAME] = FleetSsh
    hosts = Hosts()
    for name, place in places.items():
        extras = {"private_key": place.private_key, "known_hosts": place.known_hosts, "host_key_alias": name}
        options = {CONNECTION_NAME: ConnectionOptions(extras=extras)}
        hosts[name] = Host(name, "127.0.0.1", place.port, "root", connection_options=options, defaults=Defaults())
    return Nornir(
        Inventory(hosts, Groups(), Defaults()),
        config=Config(logging=LoggingConfig(enabled=False)),
        data=GlobalState(),
        runner=FleetRunner(batches=(), group_limits={}),
    )


def settings(task: Task, root: str, text: str) -> Result:
    """Keep a service's settings, and have it take them over when they change."""
    home = f"{root}/{task.host.name}"
    resources = [Directory(home, "0750"), File(f"{home}/settings", text, notify=("take over",))]
    return converge(task, resources, handlers={"take over": f"cp {home}/settings {home}/in-use"}, timeout=20)


def content(task: Task, root: str, text: str) -> Result:
    """Keep two files that need the settings to be there."""
    home = f"{root}/{task.host.name}"
    return converge(task, [File(f"{home}/{name}", f"{name}: {text}", "0600") for name in "ab"], timeout=20)


def run(nornir: Nornir, state: Path, root: Path, text: str, listener: Listener = ignore) -> Journal:
    """
    Do what a workflow does: claim the nodes, then two phases.

    Raises:
        KoprogoError: the first host's error.
    """
    hosts, runner = list(nornir.inventory.hosts), nornir.runner
    assert isinstance(runner, FleetRunner)
    with exclusive(state, "test"), Journal(state, "test", "lab", listener=listener) as journal:
        with journal.step("claim"):
            outcomes = run_on(nornir, hosts, "claim", claim, ignore, {"run_id": journal.run_id})
            runner.fences = {name: outcome.value for name, outcome in outcomes.items() if outcome.value}
        runner.journal = journal
        for task in (settings, content):
            with journal.step(task.__name__):
                found = run_on(nornir, hosts, task.__name__, task, ignore, {"root": str(root), "text": text})
                for outcome in found.values():
                    if outcome.error:
                        raise outcome.error
    return journal


class Runs:
    """Runs that happen in processes of their own."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        arguments = json.dumps({name: asdict(place) for name, place in places.items()})
        self._process = subprocess.Popen(
            [sys.executable, __file__, arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, state: Path, root: Path, text: str, number: signal.Signals, record: int) -> int:
        """Start a run that sends itself a signal when its journal has *record*; return its process's id."""
        state.mkdir(exist_ok=True)
        order = {"state": str(state), "root": str(root), "text": text, "signal": int(number), "record": record}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def end(self) -> str:
        """Wait for the run's end; return "done", "killed", or the class and text of its error."""
        return self._line()

    def close(self) -> None:
        """End."""
        self._process.communicate(timeout=60)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def _serve(places: Mapping[str, Place]) -> None:
    for line in sys.stdin:
        order = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, _obey(places, order).encode())
            os._exit(0)
        os.close(writer)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        with os.fdopen(reader) as answers:
            said = answers.read()
        os.waitpid(child, 0)
        sys.stdout.write(f"{said or 'killed'}\n")
        sys.stdout.flush()


def _obey(places: Mapping[str, Place], order: Mapping[str, str | int]) -> str:
    def listener(event: Event) -> None:
        if event == Journaled(int(order["record"])):
            os.kill(os.getpid(), int(order["signal"]))

    try:
        run(nornir_of(places), Path(str(order["state"])), Path(str(order["root"])), str(order["text"]), listener)
    except KoprogoError as error:
        return f"{type(error).__name__}: {error.seen}"
    return "done"


if __name__ == "__main__":
    _serve({name: Place(**place) for name, place in json.loads(sys.argv[1]).items()})
