"""How the control plane is."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from nornir.core import Nornir
from nornir.core.task import Result, Task

from koprogo_fleet.core.errors import SshError
from koprogo_fleet.core.quorum import EtcdHealth
from koprogo_fleet.hosts.k3s.health import LOOK, ServerHealth, parse
from koprogo_fleet.hosts.k3s.health import etcd_health as health_of
from koprogo_fleet.ssh.connection import CONNECTION_NAME, FleetSsh, session_for
from koprogo_fleet.ssh.session import Session

SECONDS = 40.0


def k3s_health(task: Task) -> Result:
    """
    Ask one server about its service, etcd member and API server.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.hosts.k3s.health.ServerHealth`.

    Raises:
        Unreachable: no SSH.
    """
    return Result(host=task.host, result=_ask(session_for(task.host, task.nornir.config)))


def etcd_health(nornir: Nornir, servers: Sequence[str]) -> EtcdHealth:
    """
    Ask all *servers* at once, now, and return whose etcd members vote, and how each of those is.

    It may be called while a task runs, for it uses connections of its own: whoever cannot be asked within a minute is
    in doubt.
    """
    with ThreadPoolExecutor(max_workers=max(1, len(servers))) as threads:
        found = threads.map(lambda name: _asked_anew(nornir, name), servers)
        return health_of(dict(zip(servers, found, strict=True)))


def _asked_anew(nornir: Nornir, name: str) -> ServerHealth | None:
    wanted = nornir.inventory.hosts[name].get_connection_parameters(CONNECTION_NAME)
    connection = FleetSsh()
    try:
        connection.open(
            wanted.hostname,
            wanted.username,
            wanted.password,
            wanted.port,
            wanted.platform,
            wanted.extras,
            nornir.config,
        )
    except SshError:
        return None
    try:
        return _ask(connection.connection)
    except SshError:
        return None
    finally:
        connection.close()


def _ask(session: Session) -> ServerHealth:
    done = session.run_as_root("sh -s", stdin=LOOK.encode(), timeout=SECONDS)
    return parse(done.stdout.decode(errors="replace"))
