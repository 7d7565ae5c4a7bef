"""What the sections about people and hardening must not say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from koprogo_fleet.core.model import Mistake, Place
from koprogo_fleet.core.sections import Hardening, Person, Ssh

REBOOT_MINUTES = 10
"""What each node has of the window in which nodes restart themselves, at least: one after the other."""

_PUBLIC_KEY = re.compile(r"(sk-)?(ssh|ecdsa)-\S+ AAAA[A-Za-z0-9+/]+=*( [^\n]*)?")

REBOOT: Place = ("hardening", "reboot")


def baseline_contradictions(ssh: Ssh, people: Sequence[Person], hardening: Hardening, nodes: int) -> Iterator[Mistake]:
    """Yield everything that these sections of a fleet with so many *nodes* cannot mean."""
    seen: dict[str, Place] = {}
    for index, person in enumerate(people):
        place: Place = ("people", index, "name")
        if person.name in {"root", ssh.user}:
            message = f"{person.name} is the fleet's own way in: its keys are not those of a person"
            yield Mistake(message, place, (place, ("ssh", "user")))
        for number, key in enumerate(person.keys):
            if not _PUBLIC_KEY.fullmatch(key):  # not shown: it may be a private one, by mistake
                where: Place = ("people", index, "keys", number)
                message = (
                    "this is no public SSH key: write a line of a .pub file, as in ssh-ed25519 AAAA... alice@laptop"
                )
                yield Mistake(message, where, (where,))
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
