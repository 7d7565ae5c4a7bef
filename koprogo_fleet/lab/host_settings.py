"""The kernel settings of the host that labs need: changed with the first lab, and put back with the last one."""

from __future__ import annotations

import json
from pathlib import Path

from koprogo_fleet.core.files import write_atomically

KERNEL = Path("/proc/sys")
# Forwarding is the nodes' way out. Each systemd, kubelet and containerd holds several inotify instances, and those of
# all nodes count as root's: the usual limit of 128 is spent by the sixth node.
WANTED = {"net/ipv4/ip_forward": 1, "fs/inotify/max_user_instances": 2048, "fs/inotify/max_user_watches": 262144}


def apply(former: Path) -> None:
    """Raise the settings that are lower than wanted; *former* remembers what they were before the first change."""
    remembered: dict[str, int] = json.loads(former.read_text()) if former.exists() else {}
    low = {name: value for name in WANTED if (value := _get(name)) < WANTED[name]}
    if low:
        write_atomically(former, json.dumps(low | remembered))
    for name in low:
        (KERNEL / name).write_text(str(WANTED[name]))


def restore(former: Path) -> None:
    """Put back what *former* remembers, where nobody else has changed it since, and forget it."""
    if not former.exists():
        return
    for name, value in json.loads(former.read_text()).items():
        if _get(name) == WANTED[name]:
            (KERNEL / name).write_text(str(value))
    former.unlink()


def _get(name: str) -> int:
    return int((KERNEL / name).read_text())
