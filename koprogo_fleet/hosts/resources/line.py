"""One line of a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.questions import PathStatus, Question
from koprogo_fleet.hosts.resource import Decision, Fact
from koprogo_fleet.hosts.resources._edit import TextEdit, look_at_text
from koprogo_fleet.hosts.resources._path import check_path
from koprogo_fleet.hosts.resources._text import check_text, text_of


@dataclass(frozen=True)
class Line:
    """
    The file has this line; the others stay as they are, and so do the file's owner and permissions.

    Attributes:
        path: absolute; a file that is not there is made (0644, root), a link is refused.
        line: without its end. A :class:`Secret` is never shown.
        match: a regular expression (Python's ``search``). Of the lines that it finds exactly one stays, *line*, in the
            place of the first. Without it, or where it finds none, *line* goes to the end unless it is there.
        absent: no such line: neither *line* nor one that *match* finds.
        notify: the handlers to run at the end if the file changed.
        validate: a command that accepts the new file, ``%s``, before it replaces the old one (``visudo -cf %s``).

    Raises:
        InputError: a path that is not absolute, more than one line, or a *match* that is wrong or does not find *line*
            (it would be added again by every run).
    """

    path: str
    line: str | Secret = ""
    match: str | None = None
    absent: bool = False
    notify: tuple[str, ...] = ()
    validate: str | None = None

    def __post_init__(self) -> None:
        check_path(self.path)
        check_text(self.path, self.line)
        if "\n" in text_of(self.line):
            raise InputError(f"more than one line for {self.path}", next_step="use Block for several lines")
        if not self.line and (self.match is None or not self.absent):
            raise InputError(f"an empty line for {self.path}: nothing to look for")
        if self.match is None:
            return
        try:
            found = re.search(self.match, text_of(self.line))
        except re.error as error:
            raise InputError(f"not a regular expression: {self.match!r}: {error}") from error
        if not found and not self.absent:
            raise InputError(f"{self.match!r} does not find the line that it should stand for, in {self.path}")

    @property
    def name(self) -> str:
        """The word line and the file's path; with what it is found by, if given."""
        return f"line in {self.path}" + (f" for {self.match}" if self.match else "")

    def look(self) -> str:
        """Print the file."""
        return look_at_text(self.path)

    def questions(self) -> Iterable[Question]:
        """Ask for its status."""
        return (PathStatus(self.path),)

    def decide(self, fact: Fact) -> Decision:
        """Edit the lines in memory; the file is replaced if that changed anything."""
        edit = TextEdit(self.path, isinstance(self.line, Secret), self.notify, self.validate)
        return edit.decide(fact, self._edited)

    def _edited(self, text: str) -> str:
        wanted = text_of(self.line)
        lines = text.removesuffix("\n").split("\n") if text else []
        is_open = bool(text) and not text.endswith("\n")
        if self.match is None and not self.absent and wanted in lines:
            return text
        ours = [index for index, line in enumerate(lines) if self._is_ours(line)]
        if not ours:
            return text if self.absent else text + ("\n" if is_open else "") + f"{wanted}\n"
        kept = [line for index, line in enumerate(lines) if index not in ours]
        if not self.absent:
            kept.insert(ours[0], wanted)
        if kept == lines:
            return text
        keeps_open_end = is_open and ours[-1] != len(lines) - 1
        return "\n".join(kept) + ("\n" if kept and not keeps_open_end else "")

    def _is_ours(self, line: str) -> bool:
        if self.match is not None and re.search(self.match, line):
            return True
        return self.absent and bool(self.line) and line == text_of(self.line)
