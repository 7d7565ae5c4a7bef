"""The schedule's units under a systemd that runs: who they are, what they may, and when they begin."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nornir.core import Nornir
from one_node import NODE, one_node

from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.workflows.schedule.install import WANTS
from koprogo_fleet.workflows.schedule.jobs import JOBS, Job
from koprogo_fleet.workflows.schedule.status import SERVICE_PROPERTIES, TIMER_PROPERTIES, job_status
from koprogo_fleet.workflows.schedule.unit_texts import STATE, SYSUSERS, Place, files, unit_name

pytestmark = pytest.mark.lab

LAB = "t-schedule"
PROGRAM = Path("/opt/kf/bin/koprogo-fleet")
INVENTORY = Path("/srv/inventory")
CREDENTIAL = Path("/etc/koprogo-fleet/koprogo.credentials/VAULT_TOKEN")
PLACE = Place("koprogo", PROGRAM, INVENTORY, "production", (CREDENTIAL,))
EXPOSURE_MAX = 15
"""In tenths, as in the contract test."""

LOOKS_AROUND = r"""#!/bin/sh
# stands for koprogo-fleet: tells what a run can do
echo "$3" >> "$KOPROGO_STATE_DIR/runs"
can() { if sh -c "$2" 2>/dev/null; then echo "can $1"; else echo "cannot $1"; fi; }
{
  id -un
  umask
  can "read its credential" 'test "$(cat "$CREDENTIALS_DIRECTORY/VAULT_TOKEN")" = of-the-unit'
  can "read the file of it" 'cat /etc/koprogo-fleet/koprogo.credentials/VAULT_TOKEN'
  can "write its state" 'touch "$KOPROGO_STATE_DIR/x"'
  can "write its cache" 'touch "$KOPROGO_CACHE_DIR/x"'
  can "write the inventory" 'touch /srv/inventory/production/x'
  can "write elsewhere" 'touch /var/lib/elsewhere/x'
  can "become root" 'sudo -n true'
  can "mount" 'mount -t tmpfs none /tmp'
  can "see others' processes" 'test -d /proc/1'
  can "run Python" 'python3 -c "
import ctypes, socket, ssl, subprocess, threading
thread = threading.Thread(target=ssl.create_default_context); thread.start(); thread.join()
socket.socket().close(); socket.getaddrinfo(\"localhost\", 22); subprocess.run([\"true\"], check=True)
ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 0)()"'
} > "$KOPROGO_STATE_DIR/seen-$3"
test "$3" != drift || exit 3
"""


def on_node(nornir: Nornir, script: str, *, expected: int = 0) -> str:
    """Do something on the node as root."""
    session = session_for(nornir.inventory.hosts[NODE], nornir.config)
    done = session.run_as_root("sh -s", stdin=script.encode(), timeout=60)
    assert expected == done.exit_status, done.stderr

    return done.stdout.decode()


def archive(texts: Mapping[Path, tuple[str, int]]) -> str:
    """Pack files with their modes, to be unpacked at the root of the node."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, (text, mode) in texts.items():
            entry = tarfile.TarInfo(str(path.relative_to("/")))
            entry.size, entry.mode = len(text.encode()), mode
            tar.addfile(entry, io.BytesIO(text.encode()))
    return base64.b64encode(packed.getvalue()).decode()


@pytest.fixture(scope="module")
def nornir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nornir]:
    """Boot a node on which the schedule is installed, without random delays, for a program that looks around."""
    jobs = [replace(job, delay=0) for job in JOBS]
    texts = {path: (text, 0o644) for path, text in files(jobs, PLACE).items()}
    texts |= {PROGRAM: (LOOKS_AROUND, 0o755), CREDENTIAL: ("of-the-unit\n", 0o600)}
    timers = " ".join(unit_name("koprogo", job.name, "timer") for job in jobs)
    with one_node(LAB, tmp_path_factory.mktemp("keys")) as nornir:
        on_node(
            nornir,
            f"set -e; echo {archive(texts)} | base64 -d | tar -xC / --no-same-owner\n"
            f"systemd-sysusers {SYSUSERS}; mkdir -p /srv/inventory/production /var/lib/elsewhere\n"
            f"chown koprogo-fleet /srv/inventory/production /var/lib/elsewhere\n"
            f"systemctl daemon-reload; systemctl enable {timers}; systemctl restart {timers}",
        )
        yield nornir


def runs_of(nornir: Nornir, job: str) -> int:
    """Count the runs of a job."""
    return on_node(nornir, f"cat {STATE}/runs 2>/dev/null || :").split().count(job)


def shown(nornir: Nornir, unit: str, properties: tuple[str, ...]) -> dict[str, str]:
    """Ask the node's systemd as ``koprogo-fleet schedule status`` does."""
    said = on_node(nornir, f"systemctl show --timestamp=utc --property={','.join(properties)} {unit}")
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


ALWAYS = [
    "koprogo-fleet",
    "0077",
    "can read its credential",
    "cannot read the file of it",
    "can write its state",
    "can write its cache",
    "cannot write elsewhere",
    "cannot become root",
    "cannot mount",
    "cannot see others' processes",
    "can run Python",
]


@pytest.mark.parametrize(
    ("job", "inventory", "code"),
    [("rotation", "can write the inventory", 0), ("drift", "cannot write the inventory", 3)],
)
def test_what_a_run_may_do(job: str, inventory: str, code: int, nornir: Nornir) -> None:
    """A run is its own user, has its credential and state, and nothing else; what status tells of it is right."""
    service, timer = unit_name("koprogo", job, "service"), unit_name("koprogo", job, "timer")
    on_node(nornir, f"systemctl start {service}", expected=int(code != 0))
    seen = on_node(nornir, f"cat {STATE}/seen-{job}").splitlines()
    told = job_status(
        job, shown(nornir, timer, TIMER_PROPERTIES), shown(nornir, service, SERVICE_PROPERTIES), written=None
    )

    assert sorted([*ALWAYS, inventory]) == sorted(seen)
    assert ("active", code, code == 0) == (told.timer, told.exit_code, told.is_well)
    assert told.last is not None
    assert told.next is not None
    assert told.last <= datetime.now(UTC) < told.next


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_the_units_are_locked_down_and_enabled(job: Job, nornir: Nornir) -> None:
    """The node's systemd says that a service is exposed little, and starts its timer at boot."""
    service, timer = (unit_name("koprogo", job.name, kind) for kind in ("service", "timer"))
    on_node(nornir, f"systemd-analyze security --no-pager --threshold={EXPOSURE_MAX} {service}")

    on_node(nornir, f"test -L {WANTS}/{timer}")


def test_missed_runs_are_made_up_for_once(nornir: Nornir) -> None:
    """After a month in which no timer ran, the job runs once, not once for each day."""
    timer, service = (unit_name("koprogo", "snapshots", kind) for kind in ("timer", "service"))
    before = runs_of(nornir, "snapshots")
    on_node(
        nornir,
        f"systemctl stop {timer}; touch -d '30 days ago' /var/lib/systemd/timers/stamp-{timer}; systemctl start {timer}",
    )

    def has_run() -> None:
        if runs_of(nornir, "snapshots") == before:
            raise NotYet("no run yet")

    wait_for("the missed run", has_run, seconds=60)
    on_node(nornir, f"systemctl restart {timer}; systemctl start {service}")  # the last returns when all have ended
    assert before + 2 == runs_of(nornir, "snapshots")
    assert "active" == shown(nornir, timer, TIMER_PROPERTIES)["ActiveState"]


def test_a_credential_that_is_missing_is_told(nornir: Nornir) -> None:
    """A run without its credential does not begin, and status says that the last one failed."""
    service = unit_name("koprogo", "snapshots", "service")
    before = runs_of(nornir, "snapshots")
    on_node(nornir, f"mv {CREDENTIAL} {CREDENTIAL}.away")
    try:
        on_node(nornir, f"systemctl start {service}", expected=1)
        told = job_status("snapshots", {}, shown(nornir, service, SERVICE_PROPERTIES), written=None)
    finally:
        on_node(nornir, f"mv {CREDENTIAL}.away {CREDENTIAL}")

    assert before == runs_of(nornir, "snapshots")
    assert ("exit-code", 243) == (told.result, told.exit_code)
