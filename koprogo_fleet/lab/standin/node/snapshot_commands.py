"""``k3s etcd-snapshot``: its flags, its configuration and its output (K3s' source: pkg/cli/cmds/etcd_snapshot.go, pkg/cli/etcdsnapshot)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.lab.standin.node import config
from koprogo_fleet.lab.standin.node.config import Values
from koprogo_fleet.lab.standin.node.etcd import Etcd
from koprogo_fleet.lab.standin.node.keys import KEYS, Kind
from koprogo_fleet.lab.standin.node.s3_settings import s3_settings
from koprogo_fleet.lab.standin.node.settings import settings_from
from koprogo_fleet.lab.standin.node.snapshots import SnapshotFile, Snapshots

ON_DEMAND = "on-demand"
DEFAULT_RETENTION = 5
_S3 = {key: kind for key, kind in KEYS["server"].items() if key == "etcd-s3" or key.startswith("etcd-s3-")}
_COMMON: Mapping[str, Kind] = {
    **_S3,
    "debug": Kind.FLAG,
    "log": Kind.TEXT,
    "alsologtostderr": Kind.FLAG,
    "node-name": Kind.TEXT,
    "data-dir": Kind.TEXT,
    "name": Kind.TEXT,
    "etcd-snapshot-dir": Kind.TEXT,
    "etcd-snapshot-compress": Kind.FLAG,
    "etcd-server": Kind.TEXT,
    "etcd-token": Kind.TEXT,
}
_ALIASES = {
    "d": "data-dir",
    "dir": "etcd-snapshot-dir",
    "snapshot-compress": "etcd-snapshot-compress",
    "snapshot-retention": "etcd-snapshot-retention",
    "o": "output",
    "s": "etcd-server",
    "server": "etcd-server",
    "t": "etcd-token",
    "token": "etcd-token",
    **{key.removeprefix("etcd-"): key for key in _S3},
}
_OWN: Mapping[str, Mapping[str, Kind]] = {
    "save": {},
    "delete": {},
    "ls": {"output": Kind.TEXT},
    "prune": {"etcd-snapshot-retention": Kind.TEXT},
}
_NAMES = {"list": "ls", "l": "ls"}


def etcd_snapshot(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """
    Run ``k3s etcd-snapshot SUBCOMMAND …``.

    Raises:
        InputError: there is no such subcommand or flag.
        KubernetesError: etcd or S3 refuses.
    """
    name = _NAMES.get(arguments[0], arguments[0]) if arguments else "save"
    if name not in _OWN:
        raise InputError(f"No help topic for '{name}'")
    given, words = _parsed(arguments[1:], {**_COMMON, **_OWN[name]}, takes_words=name == "delete")
    if name == "delete" and not words:
        raise InputError("no snapshots given for removal")
    values = config.load("server", [], environment) | {key: value for key, value in given.items() if key != "name"}
    settings = settings_from("server", {key: value for key, value in values.items() if key in KEYS["server"]})
    base = str(given.get("name") or ON_DEMAND)
    snapshots = Snapshots(settings.layout, settings.node_name, values, s3_settings(values, environment))
    etcd = Etcd(settings)
    if name != "ls" and not etcd.has_data:
        raise KubernetesError(f"etcd database not found in {settings.layout.data_dir / 'server'}")
    if name == "save":
        os.umask(0o077)
        snapshots.save(base, etcd.save_snapshot)
    elif name == "delete":
        snapshots.delete(tuple(words))
    elif name == "prune":
        snapshots.prune(base, int(str(given.get("etcd-snapshot-retention") or DEFAULT_RETENTION)))
    else:
        sys.stdout.write(_shown(snapshots.listed(), str(given.get("output") or "")))


def _parsed(arguments: Sequence[str], kinds: Mapping[str, Kind], *, takes_words: bool) -> tuple[Values, list[str]]:
    values: Values = {}
    words: list[str] = []
    rest = list(arguments)
    while rest:
        flag, has_value, text = rest.pop(0).partition("=")
        if not flag.startswith("-"):
            if not takes_words:
                raise InputError("this command does not take any arguments")
            words.append(flag)
            continue
        key = _ALIASES.get(flag.lstrip("-"), flag.lstrip("-"))
        kind = kinds.get(key)
        if kind is None:
            raise InputError(f"flag provided but not defined: -{flag.lstrip('-')}")
        if kind is Kind.FLAG:
            if has_value and text not in {"true", "false"}:
                raise InputError(f'invalid boolean value "{text}" for -{key}: parse error')
            values[key] = text != "false"
        elif has_value or rest:
            values[key] = text if has_value else rest.pop(0)
        else:
            raise InputError(f"flag needs an argument: -{key}")
    return values, words


def _shown(found: Sequence[SnapshotFile], form: str) -> str:
    if form == "json":
        return json.dumps({"kind": "List", "items": [_object(snapshot) for snapshot in found]}) + "\n"
    if form:
        raise InputError(f"invalid output format: {form}")
    rows = [("Name", "Location", "Size", "Created")]
    rows += [(one.name, one.location, str(one.size), f"{one.created:%Y-%m-%dT%H:%M:%SZ}") for one in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "".join(
        " ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) + "\n"
        for row in rows
    )


def _object(snapshot: SnapshotFile) -> dict[str, object]:
    """Return an ETCDSnapshotFile (apiVersion k3s.cattle.io/v1), as far as the stand-in knows one."""
    return {
        "apiVersion": "k3s.cattle.io/v1",
        "kind": "ETCDSnapshotFile",
        "metadata": {"name": f"{'s3' if snapshot.node == 's3' else 'local'}-{snapshot.name}".lower()},
        "spec": {"snapshotName": snapshot.name, "nodeName": snapshot.node, "location": snapshot.location},
        "status": {
            "creationTime": f"{snapshot.created:%Y-%m-%dT%H:%M:%SZ}",
            "size": str(snapshot.size),
            "readyToUse": snapshot.size > 0,
        },
    }
