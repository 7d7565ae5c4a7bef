"""
A client that writes and reads through the API every 100 ms while something is done to the cluster, and tells what it met.

It is run inside a node's network (``nsenter --net``), where the servers have their vRack addresses, and asks as a real
client does: one connection that is kept, certificates checked, the next server after a failure, and no call made twice.
Beside it, a canary Secret is read from every server: one whose API is down says nothing; a wrong answer is told.

As a program: ``api_client.py KUBECONFIG SERVER...``; it prints its :class:`Report` as JSON when its stdin ends.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from lab_fleet import Fleet

from koprogo_fleet.lab.cgroups import Cgroup

EVERY_SECONDS = 0.1
TIMEOUT_SECONDS = 10.0
PORT = 6443
NAMESPACE = "default"
NAME = "koprogo-every-100-ms"
CANARY = "koprogo-canary-of-the-test"
CANARY_VALUE = "as it was"
_JSON = {"Content-Type": "application/json"}
_MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass
class Report:
    """
    What one client met.

    Attributes:
        requests: how many were made; every other one is a write.
        failures: seconds from the start, and what went wrong, for each that failed. None was tried again.
        longest_gap: seconds between two successes that followed each other, at most.
        slowest: seconds of the slowest success.
        canary_reads: how often some server showed the canary Secret as it should be.
        unreadable: what a server answered instead, its API being up.
    """

    requests: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)
    longest_gap: float = 0.0
    slowest: float = 0.0
    canary_reads: int = 0
    unreadable: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {len(self.failures)} failed, longest gap {self.longest_gap:.2f} s, "
            f"slowest {self.slowest:.2f} s; canary read {self.canary_reads} times, {len(self.unreadable)} times not"
        )


@dataclass
class Watched:
    """A client at work; its *report* is there when the block has ended."""

    report: Report = field(default_factory=Report)


@contextmanager
def api_client(fleet: Fleet, node: str, servers: Sequence[str], what: str) -> Iterator[Watched]:
    """
    Have a client write and read all through the block, from *node*'s network; print its report with *what* was done.

    Args:
        fleet: whose cluster.
        node: the inventory name of the node in whose network the client is, which should stay up.
        servers: the addresses that it may ask, in the vRack.
        what: was done meanwhile, for the line that is printed.
    """
    leader = Cgroup(fleet.lab, fleet.instance_id(node)).leader()
    assert leader is not None, f"{node} is down"
    kubeconfig = fleet.root / "state" / "koprogo" / "kubeconfig"
    command = ["nsenter", f"--target={leader}", "--net", sys.executable, __file__, str(kubeconfig), *servers]
    watched = Watched()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield watched
    finally:
        out, _ = process.communicate(timeout=60)
        if out:
            watched.report = Report(**json.loads(out))
            line = f"API during {what}: {watched.report}"
            fleet.hear(line + "\n")
            print(line, *map(str, watched.report.failures), *watched.report.unreadable, sep="\n  ")  # noqa: T201 - the figures


class _Servers:
    """One connection at a time, to the server that answered last."""

    def __init__(self, servers: Sequence[str], context: ssl.SSLContext) -> None:
        self._servers, self._context = list(servers), context
        self._connection: http.client.HTTPSConnection | None = None

    def call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
        """Make one call, once; after a failure the next one goes to the next server."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._servers[0], PORT, timeout=TIMEOUT_SECONDS, context=self._context
            )
        try:
            content = None if body is None else json.dumps(body)
            self._connection.request(method, path, content, headers or {})
            answer = self._connection.getresponse()
            text = answer.read()
            return _content(answer.status, text)
        except (OSError, http.client.HTTPException, ValueError) as error:
            told = f"{method} at {self._servers[0]}: {type(error).__name__}: {error}"
            self._connection.close()
            self._connection = None
            self._servers.append(self._servers.pop(0))
            raise OSError(told) from error


class _Client:
    def __init__(self, servers: Sequence[str], context: ssl.SSLContext) -> None:
        self._all, self._context = servers, context
        self._servers = _Servers(servers, context)
        self.report = Report()
        self.over = threading.Event()
        self._began = time.monotonic()

    def prepare(self) -> None:
        for kind, name, data in (
            ("configmaps", NAME, {"data": {"count": "0"}}),
            ("secrets", CANARY, {"stringData": {"value": CANARY_VALUE}}),
        ):
            path = f"/api/v1/namespaces/{NAMESPACE}/{kind}"
            try:
                self._servers.call("POST", path, {"metadata": {"name": name}, **data}, _JSON)
            except OSError as error:
                if "409" not in str(error):
                    raise

    def write_and_read(self) -> None:
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}"
        last = self._began = time.monotonic()
        count = 0
        while not self.over.wait(max(0.0, self._began + self.report.requests * EVERY_SECONDS - time.monotonic())):
            begin = time.monotonic()
            writes = self.report.requests % 2 == 0
            self.report.requests += 1
            try:
                if writes:
                    self._servers.call("PATCH", path, {"data": {"count": str(count + 1)}}, _MERGE)
                    count += 1
                else:
                    count = _not_before(count, int(self._servers.call("GET", path)["data"]["count"]))
            except OSError as error:
                self.report.failures.append((round(begin - self._began, 2), str(error)))
                continue
            now = time.monotonic()
            self.report.slowest = max(self.report.slowest, now - begin)
            self.report.longest_gap = max(self.report.longest_gap, now - last)
            last = now
        self.report.longest_gap = max(self.report.longest_gap, time.monotonic() - last)

    def read_canary(self, server: str) -> None:
        path = f"/api/v1/namespaces/{NAMESPACE}/secrets/{CANARY}"
        expected = base64.b64encode(CANARY_VALUE.encode()).decode()
        alone = _Servers([server], self._context)
        while not self.over.wait(0.5):
            try:
                value = alone.call("GET", path)["data"]["value"]
            except OSError as error:
                # An API server that starts, goes, or has no etcd refuses, or is not there: that is no wrong answer.
                if "unable to transform" in str(error) or "OSError: 404" in str(error):
                    self.report.unreadable.append(f"{time.monotonic() - self._began:.1f} s: {error}")
                continue
            if value == expected:
                self.report.canary_reads += 1
            else:
                self.report.unreadable.append(f"{server} shows another value")


def _content(status: int, body: bytes) -> Any:
    if status >= 300:
        raise OSError(f"{status}: {body[:200].decode(errors='replace')}")
    return json.loads(body)


def _not_before(written: int, found: int) -> int:
    if found < written:
        raise OSError(f"a write that was acknowledged is lost: {found} after {written}")
    return found


def _context(kubeconfig: Path) -> ssl.SSLContext:
    document = yaml.safe_load(kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as file:  # made with mode 0600
        for key in ("client-certificate-data", "client-key-data"):
            file.write(base64.b64decode(user[key]))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def main(kubeconfig: str, *servers: str) -> None:
    """Work until stdin ends, then print the report."""
    client = _Client(servers, _context(Path(kubeconfig)))
    client.prepare()
    threads = [threading.Thread(target=client.write_and_read)]
    threads += [threading.Thread(target=client.read_canary, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    client.over.set()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(asdict(client.report)))


if __name__ == "__main__":
    main(*sys.argv[1:])
