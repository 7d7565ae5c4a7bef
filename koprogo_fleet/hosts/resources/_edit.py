"""Changing a part of a file that is others' too: the rest stays as it is, byte for byte."""

from __future__ import annotations

import difflib
import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._path import ABSENT, look_at_file, parse_status
from koprogo_fleet.hosts.resources._write import TEMPORARY, Ownership, owned_by, sync_directory, write_script

_MAX_BYTES = 1024 * 1024
_NEW_FILE = b"regular file|644|root|0|root|0"

Edit = Callable[[str], "str | Refused"]
"""From what a file holds to what it should hold; bytes that are not UTF-8 are surrogates, and come back as they were."""


def look_at_text(path: str) -> str:
    """Return sh that prints a file's status and content; of one that is too large, enough to tell that it is."""
    return f"{look_at_file(path)}\nhead -c {_MAX_BYTES + 1} <{shlex.quote(path)}"


@dataclass(frozen=True)
class TextEdit:
    """
    One edit of the file at *path*.

    Attributes:
        secret: the difference says only that there is one.
        notify: the handlers to run at the end if the file changed.
        validate: as of :class:`~koprogo_fleet.hosts.resources.file.File`.
    """

    path: str
    secret: bool
    notify: tuple[str, ...]
    validate: str | None

    def decide(self, fact: Fact, edit: Edit) -> Decision:
        """Apply *edit* to what :func:`look_at_text` printed; a file that is not there counts as an empty one."""
        status_line, _, content = fact.stdout.partition(b"\n")
        if fact.exit_status != ABSENT:
            kind = parse_status(status_line.decode(errors="replace")).kind
            if not kind.startswith("regular"):
                return Refused(f"{self.path} is a {kind}, not a file", next_step=f"ls -l {shlex.quote(self.path)}")
            if len(content) > _MAX_BYTES:
                return Refused(f"{self.path} has more than {_MAX_BYTES} bytes: it is not edited")
        old = content.decode(errors="surrogateescape")
        new = edit(old)
        if isinstance(new, Refused):
            return new
        if new == old:
            return Unchanged()
        then = Fact(0, (status_line or _NEW_FILE) + b"\n" + new.encode(errors="surrogateescape"))
        return Change(
            (self._difference(fact, old, new),),
            self._script(fact, content, new),
            self.notify,
            then=then,
            once=(sync_directory(self.path),),
        )

    def _difference(self, fact: Fact, old: str, new: str) -> Difference:
        # Without the lines around it: what they hold is not ours to show.
        lines = difflib.unified_diff(
            _printable(old), _printable(new), f"{self.path} (now)", f"{self.path} (desired)", lineterm="", n=0
        )
        detail = "" if self.secret else "\n".join(lines)
        if fact.exit_status == ABSENT:
            return Difference(Operation.CREATE, f"file {self.path}", detail=detail)
        return Difference(Operation.CHANGE, f"content of file {self.path}", detail=detail)

    def _script(self, fact: Fact, content: bytes, new: str) -> str:
        path = shlex.quote(self.path)
        if fact.exit_status == ABSENT:
            same = f"[ ! -e {path} ] && [ ! -L {path} ]"
            ownership = owned_by("root", "root", "0644")
        else:
            same = f'[ "$(sha256sum <{path})" = "{hashlib.sha256(content).hexdigest()}  -" ]'
            ownership = Ownership(f"cp --attributes-only --preserve=mode,ownership -- {path} {TEMPORARY}")
        # An earlier step, a package for instance, may have written it since: then it has to be looked at again.
        guard = f"{{ {same}; }} || {{ echo 'it changed after it was looked at: run the same again' >&2; exit 75; }}"
        content = new.encode(errors="surrogateescape")
        return f"{guard}\n{write_script(self.path, content, ownership, self.validate, secret=self.secret)}"


def _printable(text: str) -> list[str]:
    return text.encode(errors="surrogateescape").decode(errors="replace").splitlines()
