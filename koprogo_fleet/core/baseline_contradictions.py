"""What the sections about people and hardening must not say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from koprogo_fleet.core.model import Mistake, Place
from koprogo_fleet.core.sections import Hardening, Person, Ssh

REBOOT_MINUTES = 10
"""What each node has of the window in which nodes restart themselves, at least: one after the other."""

REBOOT: Place = ("hardening", "reboot")


def baseline_contradictions(ssh: Ssh, people: Sequence[Person], hardening: Hardening, nodes: int) -> Iterator[Mistake]:
    """Yield everything that these sections of a fleet with so many *nodes* cannot mean."""
    seen: dict[str, Place] = {}
    for index, person in enumerate(people):
        place: Place = ("people", index, "name")
        if person.name in {"root", ssh.user}:
            message = f"{person.name} is the fleet's own way in: its keys are not those of a person"
            yield Mistake(message, place, (place, ("ssh", "user")))
        if person.name in seen:
            yield Mistake(
                f"{person.name} is named twice: put all keys under one name", place, (place, seen[person.name])
            )
        seen.setdefault(person.name, place)
    window = hardening.reboot
    if window is not None and window.minutes < nodes * REBOOT_MINUTES:
        message = (
            f"a window of {window.minutes} minutes is too short for {nodes} nodes, which restart one after the other: "
            f"{nodes * REBOOT_MINUTES} at least"
        )
        yield Mistake(message, REBOOT, (REBOOT, ("pools",)))
