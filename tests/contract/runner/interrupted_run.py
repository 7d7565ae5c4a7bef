"""A program for a test to interrupt: it runs a command on hosts, two at a time, and tells what became of each."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from nornir.core.task import Result, Task
from ssh_fleet import ssh_fleet

from koprogo_fleet.core.errors import Interrupted
from koprogo_fleet.core.events import Note
from koprogo_fleet.runner.runner import FleetRunner
from koprogo_fleet.ssh.connection import session_for


def command(task: Task, line: str) -> Result:
    """Run *line* on the host."""
    session = session_for(task.host, task.nornir.config)
    print("started", flush=True)  # noqa: T201 - the test waits for it
    session.run(line, timeout=900)
    return Result(task.host, changed=True)


def tell(event: object) -> None:
    """Tell of what the runner does about a signal."""
    if isinstance(event, Note):
        print(event.text, flush=True)  # noqa: T201 - the test waits for it


def main(directory: str, user: str, known_as: str, port: str, line: str) -> int:
    """Exit as the command line does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # even where the tests themselves run with it ignored
    runner = FleetRunner(num_workers=2, listener=tell)
    ports = {f"host-{number}": int(port) for number in range(1, 5)}
    try:
        ssh_fleet(runner, Path(directory), user, known_as, ports).run(task=command, line=line)
    except Interrupted as error:
        assert runner.last is not None
        statuses = {name: outcome.status.value for name, outcome in runner.last.outcomes.items()}
        errors = {name: str(outcome.error) for name, outcome in runner.last.outcomes.items()}
        print(json.dumps({"statuses": statuses, "errors": errors, "seen": error.seen}))  # noqa: T201 - for the test
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
