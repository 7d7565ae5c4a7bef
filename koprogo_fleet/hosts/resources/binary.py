"""A program in one file, fetched by the node."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts.questions import Checksum, PathStatus, Question
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._download import check_source, fetch_script
from koprogo_fleet.hosts.resources._path import (
    ABSENT,
    check_mode,
    check_path,
    look_at_file,
    ownership_differences,
    parse_status,
)
from koprogo_fleet.hosts.resources._write import TEMPORARY, replace_script, set_owner, sync_directory


@dataclass(frozen=True)
class Binary:
    """
    The file at *path* has the checksum *sha256*; if not, the node fetches it, and checks it before it is visible.

    Attributes:
        source: a URL (http, https), or a path on the node.
        sha256: in hexadecimal digits; it is what makes plain http safe.
        path: absolute; missing parent directories are made.
        mode: octal permissions.
        owner: a user's name or number.
        group: a group's name or number.
        notify: the handlers to run at the end if it changed.

    Raises:
        InputError: a source, checksum, path or mode that cannot be one.
    """

    source: str
    sha256: str
    path: str
    mode: str = "0755"
    owner: str = "root"
    group: str = "root"
    notify: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_source(self.source, self.sha256)
        check_path(self.path)
        check_mode(self.mode)

    @property
    def name(self) -> str:
        """The word binary and its path."""
        return f"binary {self.path}"

    def look(self) -> str:
        """Print its status and checksum."""
        return f"{look_at_file(self.path)}\n{Checksum(self.path).sh()}"

    def questions(self) -> Iterable[Question]:
        """Ask for both."""
        return PathStatus(self.path), Checksum(self.path)

    def decide(self, fact: Fact) -> Decision:
        """Fetch it if it is another one, or set its permissions."""
        if fact.exit_status == ABSENT:
            return self._fetch(Difference(Operation.CREATE, self.name, new=f"sha256 {self.sha256[:12]}…"))
        status_line, _, rest = fact.text.partition("\n")
        status = parse_status(status_line)
        if status.kind == "directory":
            return Refused(f"{self.path} is a directory", next_step=f"ls -la {shlex.quote(self.path)}")
        if rest[:64] != self.sha256:
            old = f"sha256 {rest[:12]}…" if rest else f"a {status.kind}"
            return self._fetch(Difference(Operation.CHANGE, self.name, old=old, new=f"sha256 {self.sha256[:12]}…"))
        if differences := ownership_differences(self.name, status, self.mode, self.owner, self.group):
            return Change(
                differences, set_owner(shlex.quote(self.path), self.owner, self.group, self.mode), self.notify
            )
        return Unchanged()

    def _fetch(self, difference: Difference) -> Change:
        settle = set_owner(TEMPORARY, self.owner, self.group, self.mode)
        script = replace_script(self.path, fetch_script(self.source, self.sha256), settle)
        return Change((difference,), script, self.notify, once=(sync_directory(self.path),))
