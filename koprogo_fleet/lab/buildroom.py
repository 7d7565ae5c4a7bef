"""A throwaway copy of the nodes' base image, to build or fetch something in with Debian's own tools."""

from __future__ import annotations

from pathlib import Path

from koprogo_fleet.lab.commands import run

NEXT_STEP = "check that this machine reaches its Debian mirror (apt-get update), then run the command again"


def run_script(base_image: Path, script: str, *, workspace: Path, timeout: float) -> str:
    """
    Run a shell script in a copy of *base_image* that is gone afterwards, and return its output.

    The copy lives in memory and has the host's network; *workspace* is a directory of the host's disk that the script
    finds as ``/work``: whatever is large, or shall stay, belongs there.

    Args:
        base_image: the directory to copy.
        script: POSIX sh.
        workspace: a directory of the host.
        timeout: seconds; the script and all it started are killed then.

    Raises:
        KoprogoError: the script failed or did not end; carries its last lines.
        MissingRequirement: systemd-nspawn is not installed.
    """
    command = [
        *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--pipe", "--volatile=overlay"),
        *("--resolv-conf=replace-host", f"--bind={workspace}:/work", f"--directory={base_image}", "/bin/sh", "-s"),
    ]
    return run(command, stdin=script, timeout=timeout, next_step=NEXT_STEP)
