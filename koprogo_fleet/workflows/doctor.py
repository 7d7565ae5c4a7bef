"""Whether this machine, and what the fleet is made of, are fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.helm.binary import OLDEST_HELM, OLDEST_KUBECTL, at_hand
from koprogo_fleet.upkeep.machine import Check, private_files
from koprogo_fleet.upkeep.upstream import Named, State, named_parts

OVH_CONF = (Path("ovh.conf"), Path("~/.ovh.conf"), Path("/etc/ovh.conf"))
"""Where python-ovh looks for credentials."""

NAMING = ("fleet.yaml", "releases.yaml")


@dataclass(frozen=True)
class Diagnosis:
    """What was found: the machine's checks, and the parts that the table has something to say of."""

    checks: tuple[Check, ...]
    parts: tuple[Named, ...]

    @property
    def healthy(self) -> bool:
        """Whether all requirements are met, and no part is retired or moved; a limited one is only told."""
        gone = any(named.part.state is not State.LIMITED for named in self.parts)
        return not gone and all(check.met for check in self.checks)


def diagnose(directory: Path, *, upstream: bool) -> Diagnosis:
    """
    Look at this machine, and, where *upstream* is wanted, at the parts that the files of *directory* name.

    Nothing is fetched, and nobody is asked.

    Raises:
        FileProblems: fleet.yaml or releases.yaml has mistakes.
    """
    fleet = load_fleet(directory / "fleet.yaml")
    private = [state_dir(fleet.name), *(path.expanduser() for path in OVH_CONF)]
    files = [path for name in NAMING if (path := directory / name).exists()]
    return Diagnosis((*_tools(), *private_files(private)), named_parts(files) if upstream else ())


def _tools() -> Iterator[Check]:
    for name, oldest in (("helm", OLDEST_HELM), ("kubectl", OLDEST_KUBECTL)):
        wanted = ".".join(map(str, oldest))
        try:
            found = at_hand(name)
        except KoprogoError as error:
            yield Check(name, met=False, seen=error.seen, mend=error.next_step or "")
            continue
        missing = f"none of {wanted} or newer; one is fetched when it is needed"
        yield Check(name, met=True, seen=found or missing)
