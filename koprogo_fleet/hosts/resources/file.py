"""A file with a known content."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation, text_diff
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.questions import Checksum, PathStatus, Question
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._path import (
    ABSENT,
    check_mode,
    check_path,
    look_at_file,
    ownership_differences,
    parse_status,
)
from koprogo_fleet.hosts.resources._text import check_text, text_of
from koprogo_fleet.hosts.resources._write import owned_by, set_owner, sync_directory, write_script

_MAX_SHOWN = 256 * 1024


@dataclass(frozen=True)
class File:
    """
    A file that holds exactly *content*, replaced in one move: a reader sees the old one or the new one.

    Attributes:
        path: absolute; missing parent directories are made (0755, root).
        content: written as UTF-8. A :class:`Secret` is never shown: its difference says only that there is one.
        mode: octal permissions, as in "0644".
        owner: a user's name or number.
        group: a group's name or number.
        notify: the handlers to run at the end if the file changed.
        validate: a command that accepts the new file, ``%s``, before it replaces the old one (``sshd -t -f %s``).

    Raises:
        InputError: the path is not absolute, the mode not octal, or the content no text that UTF-8 can hold.
    """

    path: str
    content: str | Secret
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    notify: tuple[str, ...] = ()
    validate: str | None = None

    def __post_init__(self) -> None:
        check_path(self.path)
        check_mode(self.mode)
        check_text(self.path, self.content)

    @property
    def name(self) -> str:
        """The word file and its path."""
        return f"file {self.path}"

    def look(self) -> str:
        """Print its status, its sha256, and, unless it is secret or as desired, its content."""
        lines = [look_at_file(self.path), Checksum(self.path).sh()]
        if not isinstance(self.content, Secret):
            lines.append(f'[ "$sum" = {self._sha256()} ] || head -c {_MAX_SHOWN} {shlex.quote(self.path)}')
        return "\n".join(lines)

    def questions(self) -> Iterable[Question]:
        """Ask for its status and its sha256."""
        return PathStatus(self.path), Checksum(self.path)

    def decide(self, fact: Fact) -> Decision:
        """Compare the content first, then the permissions."""
        if fact.exit_status == ABSENT:
            detail = "" if isinstance(self.content, Secret) else text_diff("", self.content, self.path)
            return self._replace((Difference(Operation.CREATE, self.name, detail=detail),))
        status_line, _, rest = fact.stdout.partition(b"\n")
        status = parse_status(status_line.decode(errors="replace"))
        if status.kind == "directory":
            return Refused(
                f"{self.path} is a directory",
                next_step=f"move it away if it is not needed: mv {self.path} {self.path}.old",
            )
        if not status.kind.startswith("regular"):
            return self._replace((Difference(Operation.CHANGE, self.name, old=f"a {status.kind}", new="a file"),))
        differences = ownership_differences(self.name, status, self.mode, self.owner, self.group)
        sum_line, _, old = rest.partition(b"\n")
        if sum_line.decode(errors="replace") != self._sha256():
            return self._replace((self._content_difference(old), *differences))
        if differences:
            settle = set_owner(shlex.quote(self.path), self.owner, self.group, self.mode)
            return Change(differences, settle, self.notify)
        return Unchanged()

    def _content_difference(self, old: bytes) -> Difference:
        detail = ""
        if not isinstance(self.content, Secret) and len(old) < _MAX_SHOWN:
            detail = text_diff(old.decode(errors="replace"), self.content, self.path)
        return Difference(Operation.CHANGE, f"content of {self.name}", detail=detail)

    def _replace(self, differences: tuple[Difference, ...]) -> Change:
        ownership = owned_by(self.owner, self.group, self.mode)
        secret = isinstance(self.content, Secret)
        script = write_script(self.path, self._bytes(), ownership, self.validate, secret=secret)
        return Change(differences, script, self.notify, once=(sync_directory(self.path),))

    def _bytes(self) -> bytes:
        return text_of(self.content).encode()

    def _sha256(self) -> str:
        return hashlib.sha256(self._bytes()).hexdigest()
