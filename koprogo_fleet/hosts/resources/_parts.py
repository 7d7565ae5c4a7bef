"""A resource that is made of several looks, each with its own exit status."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.hosts.resource import Change, Fact, Refused
from koprogo_fleet.hosts.resources.file import File

_UNFINISHED = "/run/koprogo-fleet/unfinished"


def look_at_parts(looks: Iterable[str]) -> str:
    """Return sh that takes the *looks* one by one; nothing that one prints can be taken for another's."""
    parts = (f"{{ (\n{look}\n); printf '\\n%s' \"$?\"; }} | base64 --wrap=0; echo" for look in looks)
    return "\n".join(parts)


def parts_of(fact: Fact) -> tuple[Fact, ...]:
    """Return what each of the looks left."""
    parts = (base64.b64decode(line).rpartition(b"\n") for line in fact.stdout.split())
    return tuple(Fact(int(status), stdout) for stdout, _, status in parts)


def mend_files(files: Sequence[File], facts: Iterable[Fact]) -> Change | Refused:
    """Decide about all the *files*; a change without differences if they are as desired."""
    differences: list[Difference] = []
    scripts = []
    for file, fact in zip(files, facts, strict=True):
        decision = file.decide(fact)
        if isinstance(decision, Refused):
            return decision
        if isinstance(decision, Change):
            differences += decision.differences
            scripts.append(decision.complete)
    return Change(tuple(differences), "\n".join(scripts))


class Unfinished:
    """
    A note on the node that a change of several steps has begun, and has not ended.

    Without it a run that is killed after the file was written, and before it took effect, would be taken for done by
    the next. A reboot settles it.
    """

    def __init__(self, name: str) -> None:
        self._path = f"{_UNFINISHED}/{name}"

    def look(self) -> str:
        """Return sh that ends with 1 if there is such a note."""
        return f"[ ! -e {self._path} ]"

    def around(self, *scripts: str) -> str:
        """Return the *scripts*, with the note written before them and removed after them."""
        return "\n".join([f"mkdir -p {_UNFINISHED}", f": >{self._path}", *scripts, f"rm -f {self._path}"])
