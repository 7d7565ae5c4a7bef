"""The lab's PostgreSQL: side by side with another one, healed after a crash, reached over TLS alone."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from database_scene import LOOPBACK, login_as, superuser

from koprogo_fleet.lab import postgres, processes
from koprogo_fleet.lab.paths import LabPaths


@pytest.fixture
def paths(labs: Path) -> Iterator[tuple[LabPaths, LabPaths]]:
    """Give two labs that have nothing yet."""
    assert labs.is_dir()
    both = LabPaths("blue"), LabPaths("green")
    yield both
    for each in both:
        postgres.stop(each)


def killed(paths: LabPaths) -> None:
    """Kill the server of a lab, so that it leaves what a power cut leaves."""
    process = processes.running(paths.root / "postgres" / "postgres.process")
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)


def test_two_labs_and_a_crash(paths: tuple[LabPaths, LabPaths]) -> None:
    """Two servers share nothing; one that was killed is found again with its data, its port and its password."""
    blue, green = paths
    assert not postgres.was_asked_for(blue)
    one, other = (postgres.ensure_running(each, LOOPBACK) for each in paths)
    assert one == postgres.ensure_running(blue, LOOPBACK)
    assert one.port != other.port
    assert one.password != other.password
    with superuser(one) as connection:
        connection.execute("CREATE TABLE kept ()")

    killed(blue)
    stale = blue.root / "postgres" / "home" / "data" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n")  # after a reboot, its number is any other program's
    assert one == postgres.ensure_running(blue, LOOPBACK)

    with superuser(one) as connection, superuser(other) as neighbour:
        assert connection.execute("SELECT to_regclass('kept')::text").fetchone() == ("kept",)
        assert neighbour.execute("SELECT to_regclass('kept')::text").fetchone() == (None,)
    postgres.stop(blue)
    postgres.stop(blue)
    assert (False, True) == (postgres.is_running(blue), postgres.is_running(green))


def test_interrupted_and_crowded_out(paths: tuple[LabPaths, LabPaths]) -> None:
    """Databases that were half made are made anew; a port that another program has taken is given up."""
    blue, _ = paths
    postgres.ensure_running(blue, LOOPBACK)
    postgres.stop(blue)
    (blue.root / "postgres" / "admin").unlink()  # it is the last file of their making
    (blue.root / "postgres" / "home" / "data" / "PG_VERSION").unlink()

    before = int((blue.root / "postgres" / "port").read_text())
    with socket.create_server((str(LOOPBACK), before)):
        found = postgres.ensure_running(blue, LOOPBACK)

    assert found.port != before
    with superuser(found) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_who_is_let_in(paths: tuple[LabPaths, LabPaths]) -> None:
    """The administrator over TLS, and nobody without; a socket there is none, and no file of it is anybody else's."""
    blue, _ = paths
    found = postgres.ensure_running(blue, LOOPBACK)

    login_as(found, found.user, found.password).close()
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(
            host=found.host, port=found.port, user=found.user, password=found.password.reveal(), sslmode="disable"
        )
    root = blue.root / "postgres"
    assert not list(root.rglob(".s.PGSQL*"))
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (root / "admin", root / "home" / "server.key")}
    assert {0o700} == {path.stat().st_mode & 0o777 for path in (root, root / "home")}
