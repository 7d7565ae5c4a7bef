"""This server's member of etcd: Debian's own, with TLS, on the node's private address."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.standin.node.belonging import refuse_duplicate, refuse_removed
from koprogo_fleet.lab.standin.node.children import Child
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.settings import Settings

LOCAL = "https://127.0.0.1:2379"
HEARTBEAT_MS = 500
ELECTION_MS = 5000
JOIN_SECONDS = 300
READY_SECONDS = 120
SNAPSHOT_SECONDS = 120


@dataclass(frozen=True)
class Member:
    """One member as etcd lists it; a member that has never started has no name."""

    id: int
    name: str
    peer_url: str
    learner: bool


class Etcd:
    """The member of this server, and what it is asked through ``etcdctl``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._data = settings.layout.etcd
        self._tls = settings.layout.etcd_tls
        self.peer_url = f"https://{settings.node_ip}:2380"
        self.client_url = f"https://{settings.node_ip}:2379"
        self._initial: tuple[str, str] | None = None
        self._alone = False
        self.child = Child("etcd", self._command, settings.layout.server_logs / "etcd.log")

    @property
    def has_data(self) -> bool:
        """Say whether this member has been part of a cluster already."""
        return (self._data / "member").is_dir()

    @property
    def _learner_mark(self) -> Path:
        """Exists from before this member is added until it votes: a start in between goes on where the last one ended."""
        return self._data / "learner"

    @property
    def name(self) -> str:
        """The member's name: the node's, and a suffix that is kept with the data."""
        file = self._data / "name"
        if not file.exists():
            write_atomically(file, f"{self._settings.node_name}-{secrets.token_hex(4)}")
        return file.read_text()

    def start(self, join_through: str | None) -> None:
        """
        Start the member, and return once it serves the keys of a cluster with a quorum.

        Args:
            join_through: the client URL of a member of the cluster to join; None makes a new cluster. Neither counts
                where there are data.

        Raises:
            KubernetesError: etcd ended, or the cluster refuses the member.
            WaitTimeout: no quorum, or no place in the cluster.
        """
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._data.chmod(0o700)
        if not self.has_data:
            if join_through:
                self._learner_mark.touch()
                self._add_as_learner(join_through)
            else:
                self._initial = ("new", f"{self.name}={self.peer_url}")
        elif join_through:
            self._refuse_if_removed(join_through)
        self.child.start()
        if join_through and self._learner_mark.exists():
            self._promote(join_through)
            self._learner_mark.unlink()
        wait_for("etcd with a quorum", self._observe_health, seconds=READY_SECONDS, interval=0.5)

    def members(self, endpoint: str = LOCAL) -> list[Member]:
        """List the cluster's members."""
        document: dict[str, Any] = json.loads(self._ctl(endpoint, "member", "list", "--write-out=json"))
        return [
            Member(entry["ID"], entry.get("name", ""), entry["peerURLs"][0], entry.get("isLearner", False))
            for entry in document["members"]
        ]

    def remove(self, member: Member) -> None:
        """Take a member out of the cluster."""
        self._ctl(LOCAL, "member", "remove", f"{member.id:x}")

    def values(self, prefix: str) -> dict[str, str]:
        """Return the keys that begin with *prefix*, and their values."""
        document = json.loads(self._ctl(LOCAL, "get", "--prefix", prefix, "--write-out=json"))
        return {
            base64.b64decode(item["key"]).decode(): base64.b64decode(item["value"]).decode()
            for item in document.get("kvs", ())
        }

    def put(self, key: str, value: str) -> None:
        """Write one key; its value goes through stdin."""
        self._ctl(LOCAL, "put", key, stdin=value)

    def delete(self, key: str) -> None:
        """Delete one key."""
        self._ctl(LOCAL, "del", key)

    def save_snapshot(self, file: Path) -> None:
        """Write a snapshot of the data to *file*; it appears there whole."""
        self._ctl(LOCAL, "snapshot", "save", str(file), seconds=SNAPSHOT_SECONDS)

    def restore_snapshot(self, file: Path) -> None:
        """
        Make the data anew from a snapshot, with this member alone; what was there is moved aside.

        Raises:
            KubernetesError: it is no whole snapshot.
        """
        if self._data.exists():
            old = self._data.with_name(f"{self._data.name}-old-{int(time.time())}")
            self._data.rename(old)
            log.info("Pre-restore etcd database moved to %s", old)
        name = f"{self._settings.node_name}-{secrets.token_hex(4)}"
        arguments = (f"--name={name}", f"--data-dir={self._data}", f"--initial-cluster={name}={self.peer_url}")
        peer = f"--initial-advertise-peer-urls={self.peer_url}"
        self._ctl(LOCAL, "snapshot", "restore", str(file), *arguments, peer, seconds=SNAPSHOT_SECONDS)
        write_atomically(self._data / "name", name)

    def start_alone(self) -> None:
        """
        Start the member as the only one of its cluster, whatever members its data name.

        Raises:
            KubernetesError: etcd ended.
            WaitTimeout: it serves no keys.
        """
        self._learner_mark.unlink(missing_ok=True)
        self._alone = True
        self.child.start()
        wait_for("etcd with a quorum", self._observe_health, seconds=READY_SECONDS, interval=0.5)

    def is_voter(self) -> bool:
        """Say whether this member is healthy and votes."""
        mine = [member for member in self.members() if member.name == self.name]
        return bool(mine) and not mine[0].learner

    def _add_as_learner(self, endpoint: str) -> None:
        def add() -> list[Member]:
            members = self.members(endpoint)
            if any(member.name == self.name for member in members):
                raise KubernetesError(f"etcd member {self.name} has lost its data: remove it from the cluster first")
            refuse_duplicate(members, self.name, self._settings.node_name, self._data / "name")
            # a member of our address that has never started is what an earlier, interrupted attempt left
            if any(member.peer_url == self.peer_url and not member.name for member in members):
                return members
            try:
                self._ctl(endpoint, "member", "add", self.name, "--learner", f"--peer-urls={self.peer_url}")
            except KubernetesError as error:
                if "too many learner" not in str(error) and "unhealthy cluster" not in str(error):
                    raise
                raise NotYet(str(error)) from error
            return self.members(endpoint)

        log.info("Adding member %s=%s to etcd cluster", self.name, self.peer_url)
        members = wait_for("a place in the etcd cluster", add, seconds=JOIN_SECONDS, listener=_log_waiting)
        named = {member.peer_url: member.name or self.name for member in members}
        self._initial = ("existing", ",".join(f"{name}={url}" for url, name in named.items()))

    def _refuse_if_removed(self, endpoint: str) -> None:
        try:
            members = self.members(endpoint)
        except KubernetesError:  # it does not serve: nothing can be told from it
            return
        refuse_removed(members, self.name, self.peer_url)

    def _promote(self, endpoint: str) -> None:
        def promote() -> None:
            self.child.require_running()
            mine = next((member for member in self.members(endpoint) if member.peer_url == self.peer_url), None)
            if mine is None:
                raise KubernetesError(f"this server is a not a member of the etcd cluster, expect: {self.peer_url}")
            if not mine.learner:
                return
            try:
                self._ctl(endpoint, "member", "promote", f"{mine.id:x}")
            except KubernetesError as error:
                raise NotYet(str(error).splitlines()[-1]) from error

        wait_for("etcd member promoted to voter", promote, seconds=JOIN_SECONDS)
        log.info("etcd member %s is a voter", self.name)

    def _observe_health(self) -> None:
        self.child.require_running()
        try:
            self._ctl(LOCAL, "endpoint", "health")
        except KubernetesError as error:
            raise NotYet(str(error).splitlines()[-1]) from error

    def _command(self) -> list[str | Path]:
        command: list[str | Path] = [
            "etcd",
            f"--name={self.name}",
            f"--data-dir={self._data}",
            f"--listen-peer-urls={self.peer_url}",
            f"--listen-client-urls={LOCAL},{self.client_url}",
            f"--advertise-client-urls={self.client_url}",
            f"--initial-advertise-peer-urls={self.peer_url}",
            f"--cert-file={self._tls}/server-client.crt",
            f"--key-file={self._tls}/server-client.key",
            f"--trusted-ca-file={self._tls}/server-ca.crt",
            "--client-cert-auth",
            f"--peer-cert-file={self._tls}/peer-server-client.crt",
            f"--peer-key-file={self._tls}/peer-server-client.key",
            f"--peer-trusted-ca-file={self._tls}/peer-ca.crt",
            "--peer-client-cert-auth",
            f"--heartbeat-interval={HEARTBEAT_MS}",
            f"--election-timeout={ELECTION_MS}",
            "--listen-metrics-urls=http://127.0.0.1:2381",
            "--log-outputs=stderr",
            "--logger=zap",
            "--log-level=warn",
            *(f"--{argument}" for argument in self._settings.extra_args.get("etcd", ())),
        ]
        if self._alone:
            command.append("--force-new-cluster")
        elif self._initial and not self.has_data:
            state, cluster = self._initial
            command += [f"--initial-cluster-state={state}", f"--initial-cluster={cluster}"]
        return command

    def _ctl(self, endpoint: str, *arguments: str, stdin: str = "", seconds: float = 5) -> str:
        command = [
            "etcdctl",
            f"--endpoints={endpoint}",
            f"--cacert={self._tls}/server-ca.crt",
            f"--cert={self._tls}/client.crt",
            f"--key={self._tls}/client.key",
            f"--command-timeout={seconds:.0f}s",
            *arguments,
        ]
        environment = {"ETCDCTL_API": "3", "PATH": "/usr/local/bin:/usr/bin:/bin"}
        try:
            completed = subprocess.run(
                command,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=seconds + 10,
                check=False,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            said = f"etcdctl {arguments[0]} {arguments[1]}: no end after {seconds + 10:.0f} s"
            raise KubernetesError(said) from error
        if completed.returncode != 0:
            words = [line for line in completed.stderr.splitlines() if line.strip()]
            raise KubernetesError(f"etcdctl {arguments[0]} {arguments[1]}: {words[-1] if words else 'no reason given'}")
        return completed.stdout


def _log_waiting(event: object) -> None:
    log.info("Waiting for other members to finish joining etcd cluster: %s", event)
