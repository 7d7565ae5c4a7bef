"""Another release in fleet.yaml: written there, so that the file stays the one thing that says what should be."""

from __future__ import annotations

from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.yamledit import with_value
from koprogo_fleet.workflows.scale import FILE, Scaled, checked, read


def retargeted(directory: Path, version: str | None) -> Scaled:
    """
    Return fleet.yaml with another ``k3s.version``, or as it is where None is given; nothing is written.

    Raises:
        InputError: it pins the checksum of the release that it names now.
        FileProblems: fleet.yaml has mistakes, or *version* is none.
    """
    path = directory / FILE
    fleet, before = load_fleet(path), read(path)
    if version is None or version == fleet.k3s.version:
        return Scaled(path, before, before, fleet)
    if fleet.k3s.sha256 is not None:
        raise InputError(
            f"{path} pins the checksum of {fleet.k3s.version}: --to cannot change the one without the other",
            cause="k3s.sha256 is that of one release",
            next_step="write k3s.version and k3s.sha256 into it, then: koprogo-fleet k3s upgrade",
        )
    after = with_value(before, ("k3s", "version"), version)
    return Scaled(path, before, after, checked(path, after))
