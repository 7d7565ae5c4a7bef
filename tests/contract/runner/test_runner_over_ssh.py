"""The runner on a real sshd: cancelling what does not end, stopping when asked, and leaving nothing open."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nornir.core import Nornir
from nornir.core.task import AggregatedResult, Result, Task
from real_sshd import NODE, Sshd, free_port
from ssh_fleet import ssh_fleet

from koprogo_fleet.core.errors import CommandTimeout
from koprogo_fleet.runner.outcome import FleetResult, Status
from koprogo_fleet.runner.runner import FleetRunner
from koprogo_fleet.ssh.connection import session_for


def shell(task: Task, command: str) -> Result:
    """Run *command* on the host."""
    completed = session_for(task.host, task.nornir.config).run(command, timeout=900)
    return Result(task.host, changed=True, result=completed.stdout.decode())


@contextmanager
def on(sshd: Sshd, runner: FleetRunner, hosts: int = 1, **unreachable: int) -> Iterator[Nornir]:
    """Open Nornir over so many hosts, and close its connections in the end."""
    ports = {f"host-{number}": sshd.login.port for number in range(1, hosts + 1)} | unreachable
    nornir = ssh_fleet(runner, sshd.login.known_hosts.parent, sshd.login.user, NODE, ports)
    yield nornir
    nornir.close_connections(on_failed=True)


def statuses(result: AggregatedResult) -> dict[str, Status]:
    """Return each host's status."""
    assert isinstance(result, FleetResult)
    return {name: outcome.status for name, outcome in result.outcomes.items()}


def test_plain_task(sshd: Sshd) -> None:
    """A Nornir user's own task runs as with any runner, and the connection stays open for the next."""
    with on(sshd, FleetRunner(), hosts=3) as nornir:
        logins = sshd.logins()
        nornir.run(task=shell, command="true")
        result = nornir.run(task=shell, command="echo hello")

        assert ["hello\n"] * 3 == [multi.result for multi in result.values()]
        assert 3 == sshd.logins() - logins


def test_deadline_ends_a_command(sshd: Sshd) -> None:
    """A command that does not end is cancelled at the deadline, its connection closed; the host works again at once."""
    with on(sshd, FleetRunner(task_seconds=1.0)) as nornir:
        begin = time.monotonic()
        result = nornir.run(task=shell, command="sleep 600")
        seconds = time.monotonic() - begin

        assert 1.0 <= seconds < 60
        error = result["host-1"].exception
        assert isinstance(error, CommandTimeout)
        assert "shell did not end within 1 s, cancelled; it was waiting for: " in error.seen
        assert "sleep 600" in error.seen
        nornir.data.reset_failed_hosts()
        again = nornir.with_runner(FleetRunner()).run(task=shell, command="echo again")
        assert "again\n" == again["host-1"].result


def test_deadline_with_a_server_that_is_stopped(sshd: Sshd) -> None:
    """A server process that is stopped, and so answers nothing at all, holds nobody beyond the deadline."""
    with on(sshd, FleetRunner()) as nornir:
        nornir.run(task=shell, command="true")
        sshd.signal_children(signal.SIGSTOP)
        try:
            result = nornir.with_runner(FleetRunner(task_seconds=1.0)).run(task=shell, command="true")
        finally:
            sshd.signal_children(signal.SIGCONT)

        assert isinstance(result["host-1"].exception, CommandTimeout)


def test_deadline_while_logging_in(sshd: Sshd) -> None:
    """A host that accepts connections and never says a word is cancelled, too, and leaves no connection behind."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = {"silent": silent.getsockname()[1]}
        with on(sshd, FleetRunner(task_seconds=0.5), hosts=0, **ports) as nornir:
            result = nornir.run(task=shell, command="true")

            assert {"silent": Status.FAILED} == statuses(result)
            assert "did not end within 0.5 s" in str(result["silent"].exception)


def test_unreachable_host_uses_up_the_budget(sshd: Sshd) -> None:
    """A host that cannot be reached counts as a failure; those not started say why, and nothing ran on them."""
    commands = sshd.commands()
    runner = FleetRunner(num_workers=1)
    ports = {"dead": free_port()}
    with on(sshd, runner, hosts=1, **ports) as nornir:
        nornir.inventory.hosts = type(nornir.inventory.hosts)(reversed(nornir.inventory.hosts.items()))
        result = nornir.run(task=shell, command="true")

    assert {"dead": Status.UNREACHABLE, "host-1": Status.SKIPPED} == statuses(result)
    assert result.failed
    assert commands == sshd.commands()


def test_lost_connection_is_tried_again(sshd: Sshd, tmp_path: Path) -> None:
    """When the connection is lost in the middle and retries are allowed, the task runs again on a new one."""
    mark = tmp_path / "seen"
    command = f"test -e {mark} && echo twice || {{ touch {mark}; kill -9 $PPID; }}"
    with on(sshd, FleetRunner(retries=2)) as nornir:
        result = nornir.run(task=shell, command=command)

    assert not result.failed
    assert "twice\n" == result["host-1"].result


def is_socket(file: Path) -> bool:
    """Whether an open file of ours is a socket; one that was closed while we looked is none."""
    try:
        return str(file.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False


def test_files_are_bounded(sshd: Sshd) -> None:
    """With close_connections, many hosts need no more open files than there are workers at a time."""
    most, stop = [0], threading.Event()

    def count() -> None:
        while not stop.wait(0.01):
            most[0] = max(most[0], sum(is_socket(file) for file in Path("/proc/self/fd").iterdir()))

    counter = threading.Thread(target=count)
    counter.start()
    with on(sshd, FleetRunner(num_workers=4, close_connections=True), hosts=30) as nornir:
        result = nornir.run(task=shell, command="true")
    stop.set()
    counter.join()

    assert not result.failed
    assert 1 <= most[0] <= 10


@contextmanager
def program(sshd: Sshd, command: str) -> Iterator[subprocess.Popen[str]]:
    """Run the program to interrupt, until two of its four hosts have begun."""
    arguments = [str(sshd.login.known_hosts.parent), sshd.login.user, NODE, str(sshd.login.port), command]
    script = Path(__file__).parent / "interrupted_run.py"
    process = subprocess.Popen([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert ["started\n"] * 2 == [process.stdout.readline() for _ in range(2)]
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for its end, and return what it told."""
    out, _ = process.communicate(timeout=60)
    assert 130 == process.returncode
    answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    return answer


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_interrupt_stops_at_a_safe_point(sshd: Sshd, number: signal.Signals) -> None:
    """After one Ctrl-C (or SIGTERM) the hosts at work end well, no other begins, and the program ends as interrupted."""
    with program(sshd, "sleep 2") as process:
        process.send_signal(number)
        answer = told(process)

    assert {"host-1": "changed", "host-2": "changed", "host-3": "skipped", "host-4": "skipped"} == answer["statuses"]
    assert "host-3: command was not started: interrupted" == answer["errors"]["host-3"]
    assert "command was interrupted: 2 changed, 2 skipped" == answer["seen"]


def test_second_interrupt_aborts(sshd: Sshd) -> None:
    """After a second Ctrl-C the program ends at once, though its command goes on, and says of each host what is known."""
    with program(sshd, "sleep 600") as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert "interrupt again to abort" in process.stdout.readline()  # two signals at one moment count as one
        process.send_signal(signal.SIGINT)
        answer = told(process)

    assert {"host-1": "failed", "host-2": "failed", "host-3": "skipped", "host-4": "skipped"} == answer["statuses"]
    assert "command was interrupted, cancelled; it was waiting for: " in answer["errors"]["host-1"]
    assert "sleep 600" in answer["errors"]["host-1"]
