"""Faults to give a fleet: broken networks, slow nodes, and runs that are watched by their journal."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab_fleet import COMMAND, Fleet
from ruamel.yaml import YAML

from koprogo_fleet.core.runs import Run
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import records
from koprogo_fleet.lab.cgroups import Cgroup
from koprogo_fleet.lab.paths import LabPaths

SERVERS = ("koprogo-cp-1", "koprogo-cp-2", "koprogo-cp-3")
WORKERS = ("koprogo-worker-1", "koprogo-worker-2", "koprogo-worker-3")

SSHD = "/etc/ssh/sshd_config.d/10-koprogo.conf"
_SLOW = "/run/systemd/system/ssh.service.d/slow.conf"
_SIGNALLED = Path(__file__).with_name("signalled_run.py")


def console(fleet: Fleet, host: str, script: str) -> str:
    """Run a shell script as root on a node, as at its console: neither SSH nor sudo nor our own code is needed."""
    leader = Cgroup(fleet.lab, _inventory(fleet)[host]["data"]["instance_id"]).leader()
    assert leader is not None, f"{host} is down"
    entered = ["nsenter", f"--target={leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "sh", "-es"]
    done = subprocess.run(entered, input=script, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    return done.stdout


def pull_the_plug(fleet: Fleet, host: str) -> None:
    """Have a node lose its power and boot again, without a goodbye to anybody."""
    machine_id = _inventory(fleet)[host]["data"]["instance_id"]
    record = records.read(LabPaths(fleet.lab).machine(machine_id).record)
    assert record is not None
    fleet.machines.kill(machine_id)
    fleet.machines.boot(record.machine)


def drift(fleet: Fleet, *hosts: str) -> None:
    """Change a setting of sshd by hand, which a run mends and has sshd reload."""
    for host in hosts:
        console(fleet, host, f"sed -i 's/^MaxAuthTries .*/MaxAuthTries 6/' {SSHD}")


@contextmanager
def slow_drift(fleet: Fleet, *hosts: str, seconds: int) -> Iterator[None]:
    """Change a setting of sshd by hand; to mend it takes so many *seconds* on the node, for sshd is slow to reload."""
    drift(fleet, *hosts)
    for host in hosts:
        made = f"mkdir -p $(dirname {_SLOW}); printf '[Service]\\nExecReload=/bin/sleep {seconds}\\n' >{_SLOW}"
        console(fleet, host, f"{made}; systemctl daemon-reload")
    try:
        yield
    finally:
        for host in hosts:
            console(fleet, host, f"rm -f {_SLOW}; systemctl daemon-reload")


@contextmanager
def silent(fleet: Fleet, *hosts: str) -> Iterator[None]:
    """Drop whatever goes between us and the nodes' sshd, without a word to anybody."""
    table = f"koprogo_test_{secrets.token_hex(4)}"
    rules = "\n".join(
        f"ip daddr {address} tcp dport 22 drop\nip saddr {address} tcp sport 22 drop"
        for address in _addresses(fleet, hosts)
    )
    hooks = (f"chain {hook} {{ type filter hook {hook} priority 0\n{rules}\n}}" for hook in ("input", "output"))
    subprocess.run(["nft", f"table inet {table} {{\n" + "\n".join(hooks) + "\n}"], check=True, timeout=10)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", table], check=True, timeout=10)


def reset(fleet: Fleet, host: str) -> None:
    """Have the kernel reset every connection to the node's sshd."""
    (address,) = _addresses(fleet, [host])
    command = ["ss", "-K", "dst", address, "dport", "=", "22"]
    subprocess.run(command, check=True, timeout=10, stdout=subprocess.DEVNULL)


def _addresses(fleet: Fleet, hosts: Sequence[str]) -> list[str]:
    return [_inventory(fleet)[host]["hostname"] for host in hosts]


def _inventory(fleet: Fleet) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(fleet.inventory / "hosts.yaml")
    return found


class Started:
    """
    A run that goes on beside the test: ``koprogo-fleet provision``, or another command over the same fleet.

    Attributes:
        process: sends itself nothing; signal it at will.
    """

    def __init__(self, fleet: Fleet, *command: str | Path) -> None:
        self._fleet = fleet
        self._before = {run.id for run in fleet.runs()}
        self.process = subprocess.Popen(
            command or (COMMAND, "provision", "--yes"),
            env=fleet.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def journal(self) -> Run:
        """The run as its journal tells it by now."""
        return self._new()[0]

    @property
    def outcomes(self) -> dict[str, str | None]:
        """What became of the change of each host: "done", "failed", or None when nobody knows."""
        return {change.host: change.outcome for change in self.journal.changes}

    def wait_until_it_changes(self, *hosts: str) -> None:
        """Return once each of *hosts* is being changed."""

        def look() -> None:
            assert self.process.poll() is None, self.end().stdout
            begun = {change.host for run in self._new() for change in run.changes if change.outcome is None}
            if missing := set(hosts) - begun:
                raise NotYet(f"nothing begun on {', '.join(sorted(missing))}")

        wait_for("the changes to begin", look, seconds=60, interval=0.1)

    def wait_until_stopped(self) -> None:
        """Return once the process has been stopped, as by SIGSTOP."""

        def look() -> None:
            state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "T":
                raise NotYet(f"its state is {state}")

        wait_for("the run to be stopped", look, seconds=60, interval=0.1)

    def end(self, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Wait for its end; both streams are in *stdout*, in lines that are not wrapped."""
        out, err = self.process.communicate(timeout=seconds)
        self._fleet.hear(out + err)
        text = " ".join((out + err).split())
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, text)

    def _new(self) -> list[Run]:
        return [run for run in self._fleet.runs() if run.id not in self._before]


def signalled(fleet: Fleet, number: int, record: int) -> Started:
    """Start a provision run that sends itself the signal *number* as soon as its journal has *record*."""
    return Started(fleet, sys.executable, _SIGNALLED, str(fleet.inventory), str(number), str(record))
