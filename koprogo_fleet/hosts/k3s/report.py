"""
All that one node tells about its K3s, asked in one exec: for ``koprogo-fleet k3s status``, and before an upgrade.

A server also tells what the cluster knows of all nodes, so that nobody has to be asked twice. Snapshots:
``server/db/snapshots`` (K3s' page "etcd-snapshot"), encryption: ``k3s secrets-encrypt status``; alarms: etcd's gateway,
``/v3/maintenance/alarm``, whose empty request asks for all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.health import LOOK, ServerHealth
from koprogo_fleet.hosts.k3s.health import parse as parse_health
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.unit import unit_name

SNAPSHOTS = f"{paths.DATA}/server/db/snapshots"
MARK = "koprogo.io/upgrade"
"""The annotation of a Node that an upgrade has cordoned; its value is the release."""

_PART = "== "
_NODES = (
    r"{range .items[*]}{.metadata.name}{'\t'}{.spec.unschedulable}{'\t'}{.status.nodeInfo.kubeletVersion}{'\t'}"
    rf"{{.metadata.annotations.{MARK.replace('.', chr(92) + '.')}}}{{'\t'}}"
    r"{range .status.conditions[*]}{.type}={.status},{end}{'\n'}{end}"
).replace("'", '"')

_ANY = f"""\
echo "{_PART}node"
date +%s
systemctl show {{unit}} --property=ActiveState --value
{paths.BINARY} --version 2>/dev/null | head -n 1
echo "{_PART}kept"
{paths.KEPT}{paths.BINARY} --version 2>/dev/null | head -n 1
echo "{_PART}certificates"
for file in {{certificates}}; do
  [ ! -s "$file" ] || openssl x509 -noout -enddate -in "$file" 2>/dev/null
done
"""

_SERVER = f"""\
echo "{_PART}health"
{LOOK}
echo "{_PART}alarms"
ask_etcd /v3/maintenance/alarm '{{}}'
echo "{_PART}encryption"
timeout 8 {paths.BINARY} secrets-encrypt status 2>/dev/null
echo "{_PART}snapshots"
find {SNAPSHOTS} -maxdepth 1 -type f -size +0 -printf '%T@ %f\\n' 2>/dev/null | sort -n | tail -n 1
echo "{_PART}nodes"
timeout 8 {paths.BINARY} kubectl get nodes -o jsonpath='{_NODES}' 2>/dev/null
"""


@dataclass(frozen=True)
class KnownNode:
    """A node as the cluster knows it. *voter*: K3s' condition EtcdIsVoter; None for an agent. *mark*: see :data:`MARK`."""

    name: str
    ready: bool
    cordoned: bool
    version: str
    voter: bool | None
    mark: str


@dataclass(frozen=True)
class NodeReport:
    """
    What one node said.

    Attributes:
        service: systemd's ActiveState of its unit.
        installed: the release of its binary; None without one, or if it says something else.
        version: the binary's own words.
        kept: the release that an upgrade has replaced, and kept.
        certificate_days: until the first certificate of K3s' own ends; None where there is none.
        health: None for an agent, as are all that follow.
        alarms: etcd's, by their names.
        encryption: of Secrets at rest: "Enabled", "Disabled, …"; empty where it cannot be told.
        encryption_stage: of a rotation of its keys: "start" while there is none.
        encryption_hashes: whether all servers have the same keys, in K3s' words.
        snapshot: the name of the newest snapshot on its disk; empty without one.
        snapshot_hours: the age of that.
        nodes: what the cluster knows; empty where the API does not answer.
    """

    service: str
    installed: Release | None
    version: str
    kept: Release | None
    certificate_days: float | None
    health: ServerHealth | None = None
    alarms: tuple[str, ...] = ()
    encryption: str = ""
    encryption_stage: str = ""
    encryption_hashes: str = ""
    snapshot: str = ""
    snapshot_hours: float | None = None
    nodes: tuple[KnownNode, ...] = ()


def look(role: Role) -> str:
    """Return the script; it changes nothing."""
    own = f"{paths.DATA}/agent/*.crt"
    certificates = f"{paths.DATA}/server/tls/*.crt {paths.DATA}/server/tls/etcd/*.crt {own}"
    if role is Role.AGENT:
        return _ANY.format(unit=unit_name(role), certificates=own)
    return _ANY.format(unit=unit_name(role), certificates=certificates) + _SERVER


def parse(output: str) -> NodeReport:
    """Return the meaning of :func:`look`'s output; what did not answer is empty."""
    parts = _parts(output)
    node = (parts.get("node", "").splitlines() + [""] * 3)[:3]
    now = float(node[0]) if node[0].isdigit() else None
    encryption = dict(line.split(": ", 1) for line in parts.get("encryption", "").splitlines() if ": " in line)
    at, _, snapshot = parts.get("snapshots", "").strip().partition(" ")
    return NodeReport(
        service=node[1] or "unknown",
        installed=Release.find(node[2]),
        version=node[2].removeprefix("k3s version "),
        kept=Release.find(parts.get("kept", "")),
        certificate_days=_days(parts.get("certificates", ""), now),
        health=parse_health(parts["health"]) if "health" in parts else None,
        alarms=_alarms(parts.get("alarms", "")),
        encryption=encryption.get("Encryption Status", ""),
        encryption_stage=encryption.get("Current Rotation Stage", ""),
        encryption_hashes=encryption.get("Server Encryption Hashes", ""),
        snapshot=snapshot,
        snapshot_hours=(now - float(at)) / 3600 if now is not None and snapshot else None,
        nodes=tuple(_node(line) for line in parts.get("nodes", "").splitlines() if line.count("\t") == 4),  # noqa: PLR2004 - as _NODES prints
    )


def _parts(output: str) -> dict[str, str]:
    parts: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in output.splitlines(keepends=True):
        if line.startswith(_PART):
            lines = parts.setdefault(line.removeprefix(_PART).strip(), [])
        else:
            lines.append(line)
    return {name: "".join(lines) for name, lines in parts.items()}


def _days(lines: str, now: float | None) -> float | None:
    """Return the days until the first of the dates, which openssl writes as ``notAfter=Nov 23 08:51:00 2027 GMT``."""
    ends = [
        datetime.strptime(f"{text} +0000", "%b %d %H:%M:%S %Y %z").timestamp()
        for text in re.findall(r"notAfter=(\w{3} +\d+ [\d:]+ \d{4}) GMT", lines)
    ]
    return (min(ends) - now) / 86400 if ends and now is not None else None


def _alarms(answer: str) -> tuple[str, ...]:
    try:
        listed = json.loads(answer).get("alarms") or ()
    except (json.JSONDecodeError, AttributeError):
        return ()
    return tuple(sorted({str(alarm.get("alarm")) for alarm in listed}))


def _node(line: str) -> KnownNode:
    name, cordoned, version, mark, listed = line.split("\t")
    conditions: Mapping[str, str] = dict(pair.split("=", 1) for pair in listed.split(",") if "=" in pair)
    voter = conditions.get("EtcdIsVoter")
    return KnownNode(
        name=name,
        ready=conditions.get("Ready") == "True",
        cordoned=cordoned == "true",
        version=version,
        voter=None if voter is None else voter == "True",
        mark=mark,
    )
