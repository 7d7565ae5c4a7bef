"""
Which machine each host key was met on; and another machine's key, taken with OVH's evidence that there is another one.

A wrong host key is refused, always. Only ``node rebuild`` takes a new one, and only where all of this is so: the key that
is known was met on an instance, OVH has another instance of that name now, and so whoever has the known key is gone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.ssh.host_keys import key_blob
from koprogo_fleet.workflows.context import Context

FILE = "met.json"


@dataclass(frozen=True)
class Met:
    """The *instance* (OVH's id) that proved to have the host key *key* (a public line)."""

    instance: str
    key: str


def is_another(met: Met | None, known: str | None, instance: str) -> bool:
    """
    Return whether OVH shows that the machine with the *known* key is gone: it was met on another *instance*.

    A key that was made since, for a machine that is being created, was never met on the former one; nothing follows then.
    """
    return met is not None and known is not None and key_blob(met.key) == key_blob(known) and met.instance != instance


def remember_keys(run: Context) -> None:
    """Write down which machines have just proven to have the known keys."""
    assert run.nornir is not None  # noqa: S101 - they have been connected to
    known = {name: run.known_hosts.get(name) for name in run.hosts}
    before = read_met(run.state / FILE)
    now = {
        name: Met(str(host["instance_id"]), key)
        for name, host in run.nornir.inventory.hosts.items()
        if (key := known[name]) is not None and "instance_id" in host.keys()  # noqa: SIM118 - Nornir's own lookup
    }
    if now != before:
        write_atomically(run.state / FILE, json.dumps({name: asdict(met) for name, met in now.items()}), mode=0o600)


def read_met(path: Path) -> Mapping[str, Met]:
    """Return what was written down; nothing where there is no such file, or a spoiled one: then nothing is proven."""
    try:
        return {name: Met(**item) for name, item in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
