"""The kernel settings that a kubelet insists on, in a machine whose kernel is its host's."""

from __future__ import annotations

import os
from pathlib import Path

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.standin.node.layout import RUN_DIR
from koprogo_fleet.lab.standin.node.log import log

SYSCTL = Path("/proc/sys")
WANTED = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}

SHOW_SCRIPT = """\
set -e
for point in /proc /proc/sys; do
  if mountpoint -q "$point"; then mount --make-private "$point"; fi
done
for name in $KOPROGO_SHOWN; do mount --bind "$KOPROGO_SHOWN_DIR/$name" "/proc/sys/$name"; done
exec "$@"
"""


def shown_as_wanted() -> list[str | Path]:
    """
    Return what to put before the kubelet's command, so that it finds the settings it insists on.

    It stops where it can neither find nor set them, and a container can set none: they would change the lab's host. So the
    kubelet alone is shown files with the wanted values, in a mount namespace that shares every other mount with the node;
    for everybody else on the node the settings are what they are. Nothing is put before it where the kernel is the node's.
    """
    hidden = [name for name, value in WANTED.items() if _is_fixed_otherwise(SYSCTL / name, value)]
    if not hidden:
        return []
    log.warning(
        "stand-in: %s belong to the lab's host and stay as they are; only the kubelet is shown what it wants",
        ", ".join(name.replace("/", ".") for name in hidden),
    )
    directory = RUN_DIR / "kernel-settings"
    for name in hidden:
        write_atomically(directory / name, f"{WANTED[name]}\n")
    return [
        *("env", f"KOPROGO_SHOWN={' '.join(hidden)}", f"KOPROGO_SHOWN_DIR={directory}"),
        *("unshare", "--mount", "--propagation", "unchanged", "sh", "-c", SHOW_SCRIPT, "kubelet"),
    ]


def _is_fixed_otherwise(file: Path, wanted: str) -> bool:
    return file.exists() and file.read_text().strip() != wanted and not os.access(file, os.W_OK)
