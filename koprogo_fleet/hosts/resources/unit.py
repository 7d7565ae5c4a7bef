"""systemd units of our own: their files, and that systemd runs what the files say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.questions import Question
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused
from koprogo_fleet.hosts.resources._parts import Unfinished, look_at_parts, mend_files, parts_of
from koprogo_fleet.hosts.resources.file import File
from koprogo_fleet.hosts.resources.service import Service

_DIRECTORY = "/etc/systemd/system"
_KINDS = "service|socket|timer|path|mount|target"


@dataclass(frozen=True)
class Unit:
    """
    The systemd unit *unit* of our own, in /etc/systemd/system; it is started again when its file changed.

    Attributes:
        unit: with its suffix, as in "backup.service".
        content: the whole file. A :class:`Secret` is never shown, and is readable by root alone.
        running: it runs. A service that ends by itself (``Type=oneshot``) needs ``RemainAfterExit=yes``, or a Timer.
        enabled: it starts at boot; a unit without an [Install] section is started by another one.

    Raises:
        InputError: a name that no unit can have.
    """

    unit: str
    content: str | Secret
    running: bool = True
    enabled: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(rf"[A-Za-z0-9:_.-]+(@[A-Za-z0-9:_.-]+)?\.({_KINDS})", self.unit):
            raise InputError(f"not the name of a systemd unit: {self.unit!r}", next_step="as in backup.service")

    @property
    def name(self) -> str:
        """The word unit and its name."""
        return f"unit {self.unit}"

    def look(self) -> str:
        """Look at the file, then ask systemd."""
        return self._in_force().look()

    def questions(self) -> Iterable[Question]:
        """Ask the same."""
        return self._in_force().questions()

    def decide(self, fact: Fact) -> Decision:
        """Write the file, and have systemd read and run it."""
        return self._in_force().decide(fact)

    def _in_force(self) -> UnitFiles:
        mode = "0600" if isinstance(self.content, Secret) else "0644"
        return UnitFiles(
            (File(unit_path(self.unit), self.content, mode),), Service(self.unit, self.running, self.enabled)
        )


@dataclass(frozen=True)
class UnitFiles:
    """These unit files, and the unit that is started again when one of them changed; *check* runs before a change."""

    files: Sequence[File]
    service: Service
    check: str = ":"

    def look(self) -> str:
        """Look at the files, at the unit, and whether an earlier change was interrupted."""
        return look_at_parts(
            [*(file.look() for file in self.files), self.service.look(), self._unfinished().look()],
        )

    def questions(self) -> Iterable[Question]:
        """Ask for all of them."""
        return (*(question for file in self.files for question in file.questions()), *self.service.questions())

    def decide(self, fact: Fact) -> Decision:
        """Decide about all of them together."""
        *file_facts, service_fact, unfinished = parts_of(fact)
        files = mend_files(self.files, file_facts)
        service = self.service.decide(service_fact)
        if isinstance(files, Refused):
            return files
        if isinstance(service, Refused) or (not files.differences and not unfinished.exit_status):
            return service
        differences = [*files.differences, *(service.differences if isinstance(service, Change) else ())]
        if not differences:
            differences = [
                Difference(Operation.CHANGE, self.service.name, old="not started again", new="started again")
            ]
        script = self._unfinished().around(self.check, files.script, self.service.restart(service_fact))
        return Change(tuple(differences), script)

    def _unfinished(self) -> Unfinished:
        return Unfinished(shlex.quote(self.service.unit))


def unit_path(unit: str) -> str:
    """Return where the file of a unit of our own is."""
    return f"{_DIRECTORY}/{unit}"
