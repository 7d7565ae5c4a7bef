"""An agent's own load balancer on 127.0.0.1:6444, as in K3s: losing one server does not lose the agents."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.standin.node.front import listen
from koprogo_fleet.lab.standin.node.layout import BALANCER_PORT
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.settings import server_port
from koprogo_fleet.lab.standin.node.splice import connect, splice

CONNECT_SECONDS = 3
STATE_FILE = "etc/k3s-agent-load-balancer.json"

Address = tuple[str, int]


class Balancer:
    """Joins each local connection to the first server that answers, the last good one first."""

    def __init__(self, agent_dir: Path, default_server: str) -> None:
        self._state_file = agent_dir / STATE_FILE
        self._default = server_port(default_server)
        self._servers: list[Address] = [*self._remembered(), self._default]
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen, and serve from a thread of its own."""
        self._listener = listen("127.0.0.1", BALANCER_PORT)
        threading.Thread(target=lambda: asyncio.run(self._serve()), name="balancer", daemon=True).start()

    def set_servers(self, servers: Iterable[Address]) -> None:
        """Use exactly these servers from now on, and remember them for the next start; an empty list changes nothing."""
        wanted = list(dict.fromkeys(servers))
        if not wanted or set(wanted) == set(self._servers):
            return
        self._servers = [*(server for server in self._servers if server in wanted)]
        self._servers += [server for server in wanted if server not in self._servers]
        write_atomically(self._state_file, json.dumps({"servers": [f"{host}:{port}" for host, port in wanted]}))
        log.info("Updated load balancer server addresses -> %s", [f"{host}:{port}" for host, port in wanted])

    def _remembered(self) -> list[Address]:
        try:
            stored = json.loads(self._state_file.read_text())["servers"]
        except (OSError, ValueError, KeyError):
            return []
        pairs = [str(server).rpartition(":") for server in stored]
        return [(host, int(port)) for host, _, port in pairs if (host, int(port)) != self._default]

    async def _serve(self) -> None:
        assert self._listener  # noqa: S101 - start() opened it
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            task = loop.create_task(self._route(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _route(self, connection: socket.socket) -> None:
        for server in list(self._servers):
            try:
                upstream = await connect(server, CONNECT_SECONDS)
            except OSError as error:
                log.debug("server %s:%d does not answer: %s", *server, error)
                self._move_to_end(server)
                continue
            try:
                await splice(connection, upstream)
            except OSError:  # the client gave up meanwhile
                upstream.close()
                connection.close()
            return
        connection.close()

    def _move_to_end(self, server: Address) -> None:
        if server in self._servers:
            self._servers = [*(other for other in self._servers if other != server), server]
