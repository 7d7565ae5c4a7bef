"""Where things are kept on the machine that runs us: what can be made again (cache), and what cannot (state)."""

from __future__ import annotations

import os
from pathlib import Path

from koprogo_fleet.core.errors import MissingRequirement

CACHE_VARIABLE = "KOPROGO_CACHE_DIR"
STATE_VARIABLE = "KOPROGO_STATE_DIR"


def cache_dir() -> Path:
    """
    Return the directory of what can be downloaded or built again; it exists.

    It is ``$KOPROGO_CACHE_DIR``, or ``~/.cache/koprogo-fleet``.
    """
    return _existing(_base(CACHE_VARIABLE, Path(".cache")), CACHE_VARIABLE, mode=0o755)


def state_dir(fleet_name: str) -> Path:
    """
    Return the private directory (0700) of one fleet; it exists.

    It holds the fleet's SSH key, kubeconfig, journal and lock, in ``$KOPROGO_STATE_DIR/<fleet>`` or
    ``~/.local/state/koprogo-fleet/<fleet>``.
    """
    return _existing(_base(STATE_VARIABLE, Path(".local", "state")) / fleet_name, STATE_VARIABLE, mode=0o700)


def discovery_cache(kubeconfig: Path) -> Path:
    """
    Return where kubectl and Helm keep what they learn of the cluster of *kubeconfig*, for ``KUBECACHEDIR``.

    By themselves they keep it in the home directory, by the API's address: a tunnel's is of another cluster the next time.
    """
    return kubeconfig.with_name(f"{kubeconfig.name}.cache")


def _base(variable: str, below_home: Path) -> Path:
    if chosen := os.environ.get(variable):
        return Path(chosen).expanduser().absolute()
    return Path.home() / below_home / "koprogo-fleet"


def _existing(directory: Path, variable: str, *, mode: int) -> Path:
    try:
        directory.mkdir(mode=mode, parents=True, exist_ok=True)
        if mode & 0o077 == 0 and directory.stat().st_mode & 0o077:
            directory.chmod(mode)
    except OSError as error:
        raise MissingRequirement(
            f"cannot use the directory {directory}: {error.strerror or error}",
            next_step=f"make it writable, or name another place: export {variable}=/some/directory",
        ) from error
    return directory
