"""The example fleet that comes with the package, for whoever starts outside a checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener, Note

PACKAGED = Path(__file__).parents[1] / "scaffold"
CHECKOUT = Path(__file__).parents[2]
PARTS = (
    "inventory/lab/fleet.yaml",
    "inventory/lab/secrets.yaml",
    "inventory/lab/releases.yaml",
    "inventory/lab/slo.yaml",
    "charts/koprogo-api",
)


def ensure_inventory(inventory: Path, environment: str, listener: Listener) -> Path:
    """
    Return the folder of *environment*; where there is none at all, write the example fleet and say so.

    Raises:
        InputError: the environment has no fleet.yaml, and it is not the lab's.
    """
    directory = inventory / environment
    if (directory / "fleet.yaml").exists():
        return directory
    if environment != "lab" or directory.exists():
        raise InputError(
            f"there is no {directory / 'fleet.yaml'}",
            cause="the fleet is not described yet, or this is not the folder that holds it",
            next_step=f"mkdir -p {directory}, copy inventory/lab's files there that it lacks and edit them; "
            "or name another folder: --inventory PATH",
        )
    source = PACKAGED if PACKAGED.exists() else CHECKOUT
    for part in PARTS:
        target = inventory.absolute().parent / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target, dirs_exist_ok=True)
        else:
            shutil.copy(source / part, inventory / Path(part).relative_to("inventory"))
    listener(Note(f"no fleet is described here: the example was written to {directory} and is used"))
    return directory
