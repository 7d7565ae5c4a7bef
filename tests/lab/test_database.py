"""The lab's database, as `lab up --database` brings it: at the gateway, there again after a crash, gone with the lab."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import psycopg
import pytest

from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import processes
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.postgres import DatabaseEndpoint

pytestmark = pytest.mark.lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Give a lab of our own, and take it down afterwards."""
    lab = Lab("t-database")
    lab.down()
    yield lab
    lab.down()


def answer(found: DatabaseEndpoint) -> object:
    """Ask the database something."""
    with psycopg.connect(
        host=found.host,
        port=found.port,
        dbname=found.database,
        user=found.user,
        password=found.password.reveal(),
        sslmode="verify-full",
        sslrootcert=str(found.ca),
    ) as connection:
        return connection.execute("SELECT 1").fetchone()


def is_gone(lab: Lab) -> None:
    """Look at the lab's status: a process that was killed needs a moment to go."""
    if lab.status().services["PostgreSQL"]:
        raise NotYet("it runs")


def has_ended(pid: int) -> None:
    """Look whether a process is there; one that only its parent has to take note of is not."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        raise NotYet("it runs")


def test_a_lab_with_a_database(lab: Lab) -> None:
    """It listens where nodes reach it; a further ``up`` heals it without being asked; nothing of it stays."""
    assert lab.up().database is None
    assert "PostgreSQL" not in lab.status().services
    found = lab.up(database=True).database
    assert found is not None
    subnet = lab.status().subnet
    assert subnet is not None
    assert IPv4Address(found.host) == subnet[1]
    assert answer(found) == (1,)

    process = processes.running(lab.paths.root / "postgres" / "postgres.process")
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_for("the status tells that it is gone", lambda: is_gone(lab), seconds=30, interval=0.1)
    assert lab.up().database == found
    assert answer(found) == (1,)

    process = processes.running(lab.paths.root / "postgres" / "postgres.process")
    lab.down()
    assert process is not None
    wait_for("it is gone", lambda: has_ended(process.pid), seconds=30, interval=0.1)
    assert not lab.paths.root.exists()
