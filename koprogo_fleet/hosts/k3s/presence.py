"""
What is there of K3s on a node, seen before anything is started: data, configuration, and what its etcd says.

K3s takes a server for a member of a cluster when etcd's write-ahead log is there (``pkg/etcd``, ``IsInitialized``), and
ignores ``cluster-init`` and ``server`` then. A node has been registered under its name when it has a password of its own
(K3s' page "Architecture", "How agent node registration works").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.etcd_gateway import ASK_ETCD

NODE_PASSWORD = "/etc/rancher/node/password"  # noqa: S105 - a path
KUBELET_CERTIFICATE = f"{paths.DATA}/agent/client-kubelet.crt"

_LIST = "/v3/cluster/member/list"

LOOK = f"""\
{ASK_ETCD}say() {{ printf '%s=' "$1"; shift; "$@" 2>/dev/null | tr -d '\\n'; echo; }}
there() {{ [ ! -e "$1" ] || echo yes; }}
say k3s systemctl is-active k3s
say agent systemctl is-active k3s-agent
say server sed -n 's/^server: *//p' {paths.CONFIG}
say founds sed -n 's/^cluster-init: *//p' {paths.CONFIG}
say wal there {paths.ETCD_DATA}/member/wal
say data there {paths.DATA}/server
say password there {NODE_PASSWORD}
say certificate there {KUBELET_CERTIFICATE}
say binary there {paths.BINARY}
if [ -e {paths.ETCD_DATA}/member/wal ]; then
  say health ask_etcd /health
  members=$(ask_etcd {_LIST} '{{}}')
  case $members in *members*) ;; *) members=$(ask_etcd {_LIST} '{{"linearizable":false}}') ;; esac
  printf 'members=%s\\n' "$members"
fi
"""
"""Without a quorum etcd 3.5 lists its members only where the list need not be the newest; 3.4 always does."""


@dataclass(frozen=True)
class Member:
    """
    A member of etcd.

    Attributes:
        id: etcd's, in decimal digits.
        name: K3s' name of its server with a suffix; empty where it has never started.
        address: of its peer URL.
        learner: it has no vote yet.
    """

    id: str
    name: str
    address: str
    learner: bool

    def is_of(self, server: str, address: str) -> bool:
        """Whether it is the member of the server of that name or vRack *address*, in its present life or a former one."""
        return address == self.address or server in {self.name, self.name.rpartition("-")[0]}


@dataclass(frozen=True)
class Presence:
    """
    What one node shows.

    Attributes:
        active: K3s is up.
        has_data: a server that has been a member of etcd, or is one.
        registered: the node has a password, with which it is known to a cluster.
        joined: an agent, or a server's agent part, that a cluster has accepted.
        founds: its configuration says cluster-init.
        server: the address that its configuration joins through; empty where it says none.
        healthy: its etcd member can serve a write, which needs a quorum.
        cluster: etcd's id of the cluster; empty where etcd does not answer.
        members: as its etcd lists them.
        remains: anything of K3s is on its disk.
    """

    active: bool = False
    has_data: bool = False
    registered: bool = False
    joined: bool = False
    founds: bool = False
    server: str = ""
    healthy: bool = False
    cluster: str = ""
    members: tuple[Member, ...] = ()
    remains: bool = False

    @property
    def serves(self) -> bool:
        """Whether others can join through it."""
        return self.active and self.healthy and self.has_data


def parse(output: str) -> Presence:
    """Return the meaning of :data:`LOOK`'s output."""
    said = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    listed = _object(said.get("members", ""))
    return Presence(
        active="active" in {said.get("k3s"), said.get("agent")},
        has_data=said.get("wal") == "yes",
        registered=said.get("password") == "yes",
        joined=said.get("certificate") == "yes",
        founds=_unquoted(said.get("founds", "")) == "true",
        server=urlsplit(_unquoted(said.get("server", ""))).hostname or "",
        healthy=str(_object(said.get("health", "")).get("health", "")).lower() == "true",
        cluster=str((listed.get("header") or {}).get("cluster_id", "")),
        members=tuple(member_of(item) for item in listed.get("members") or ()),
        remains="yes" in {said.get("data"), said.get("password"), said.get("certificate"), said.get("binary")},
    )


def member_of(item: Mapping[str, Any]) -> Member:
    """Read a member of etcd's JSON."""
    return Member(
        id=str(item.get("ID", "")),
        name=str(item.get("name", "")),
        address=urlsplit(next(iter(item.get("peerURLs") or ()), "")).hostname or "",
        learner=bool(item.get("isLearner")),
    )


def _unquoted(text: str) -> str:
    return text.strip().strip("\"'")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
