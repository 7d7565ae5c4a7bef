"""From nothing, or from whatever a crash left, to a PostgreSQL server that applications can use."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab import processes
from koprogo_fleet.lab.locks import exclusive
from koprogo_fleet.lab.openbao.tls import Authority
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.lab.postgres import server
from koprogo_fleet.lab.postgres.programs import ensure_programs
from koprogo_fleet.lab.postgres.server import ADMIN, DATABASE, Server


@dataclass(frozen=True)
class DatabaseEndpoint:
    """
    How the lab's PostgreSQL is reached: *user* may do everything, *ca* is the file of the authority to verify it with.

    *password* is in *password_file*, too, for a person; root's alone.
    """

    host: str
    port: int
    database: str
    user: str
    password: Secret
    password_file: Path
    ca: Path


def ensure_running(paths: LabPaths, address: IPv4Address, listener: Listener = ignore) -> DatabaseEndpoint:
    """
    Make the lab's PostgreSQL run; it is installed first where it is missing.

    Does only what is missing; may be called as often as one likes, and after a crash.

    Args:
        paths: of the lab.
        address: where it listens: the lab's gateway, which nodes and pods reach.
        listener: told of what takes time.

    Raises:
        MissingRequirement: PostgreSQL cannot be installed here.
        KoprogoError: the server does not start; carries the end of its log.
        WaitTimeout: it does not answer.
    """
    directory = _directory(paths)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(directory / "lock", "PostgreSQL of the lab", listener):
        programs = ensure_programs(listener)
        authority = Authority(paths.authority)
        database = Server(directory, authority, address)
        database.ensure_cluster(programs)
        database.ensure_started(programs, listener)
        return DatabaseEndpoint(
            host=str(address),
            port=database.port,
            database=DATABASE,
            user=ADMIN,
            password=database.password(),
            password_file=database.password_file,
            ca=authority.certificate_path,
        )


def was_asked_for(paths: LabPaths) -> bool:
    """Say whether the lab has a database, running or not."""
    return _directory(paths).exists()


def is_running(paths: LabPaths) -> bool:
    """Say whether the process of the lab's PostgreSQL lives."""
    return processes.running(server.process_file(_directory(paths))) is not None


def stop(paths: LabPaths) -> None:
    """Stop the lab's PostgreSQL; its data stay on disk. What is not running is fine."""
    server.stop(_directory(paths))


def _directory(paths: LabPaths) -> Path:
    return paths.root / "postgres"
