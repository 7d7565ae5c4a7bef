"""What must hold before and after every fault, and while it lasts."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from faults import SERVERS
from lab_fleet import Fleet
from open_vault import open_vault

from koprogo_fleet.core.journal import DIRECTORY
from koprogo_fleet.core.quorum import quorum
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.lab.cgroups import Cgroup
from koprogo_fleet.lab.lab import Lab

_UP = (0, 28)
"""curl's exit status for an answer, and for one that takes too long on a machine that is busy; one that is down refuses."""
_ETCD = "https://127.0.0.1:2379"
_CURL = (
    *("curl", "--silent", "--fail", "--max-time", "20"),
    *("--cacert", f"{paths.ETCD_TLS}/server-ca.crt"),
    *("--cert", f"{paths.ETCD_TLS}/server-client.crt", "--key", f"{paths.ETCD_TLS}/server-client.key"),
)


def assert_sound(fleet: Fleet) -> None:
    """Assert that the fleet is as desired, its etcd whole, and no secret of it told to anybody."""
    assert {} == fleet.differences()
    assert [(0, '{"health":"true"}')] * len(SERVERS) == _answers(_groups(fleet), "/health")
    assert [] == _told(fleet)


@contextmanager
def quorum_kept(fleet: Fleet) -> Iterator[None]:
    """Assert that, all through the block, so many of the servers' etcd answer as make a quorum."""
    fewest, over = [len(SERVERS)], threading.Event()
    groups = _groups(fleet)

    def watch() -> None:
        while not over.wait(1):
            fewest.append(sum(status in _UP for status, _ in _answers(groups, "/version")))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert min(fewest) >= quorum(len(SERVERS)), fewest


def _groups(fleet: Fleet) -> list[Cgroup]:
    return [Cgroup(fleet.lab, fleet.instance_id(server)) for server in SERVERS]


def _answers(groups: Sequence[Cgroup], path: str) -> list[tuple[int, str]]:
    """Return curl's exit status and what etcd said, for each server that has power; asked beside our own code."""
    asked = [
        subprocess.Popen(
            ["nsenter", f"--target={leader}", "--mount", "--net", *_CURL, _ETCD + path],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for group in groups
        if (leader := group.leader())
    ]
    said = [process.communicate(timeout=40)[0] for process in asked]
    return [(process.returncode, text) for process, text in zip(asked, said, strict=True)]


def _told(fleet: Fleet) -> list[str]:
    """Return the places where a secret of the fleet is found: what was printed, journals, files that others can read."""
    canaries = [value.encode() for value in _secrets(fleet)]
    assert len(canaries) >= 3
    files = [path for path in fleet.root.rglob("*") if path.is_file()]
    open_to_many = [
        path for path in files if path.stat().st_mode & 0o077 or path.parent.name == DIRECTORY or path == fleet.heard
    ]
    return [str(path) for path in open_to_many if any(canary in path.read_bytes() for canary in canaries)]


def _secrets(fleet: Fleet) -> Iterator[str]:
    endpoints = Lab(fleet.lab).up()
    with open_vault(endpoints.vault_address, endpoints.vault_token, endpoints.vault_ca) as vault:
        for path in ("koprogo/k3s", "koprogo/koprogo-api"):
            stored = vault.read(path)
            assert stored is not None, path
            yield from (value.reveal() for value in stored.values.values())
