"""A block of lines in a file, between two marks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.questions import PathStatus, Question
from koprogo_fleet.hosts.resource import Decision, Fact, Refused
from koprogo_fleet.hosts.resources._edit import TextEdit, look_at_text
from koprogo_fleet.hosts.resources._path import check_path
from koprogo_fleet.hosts.resources._text import check_text, text_of


@dataclass(frozen=True)
class Block:
    """
    The file has these lines, between two lines that mark them as ours; the rest of it stays as it is.

    Attributes:
        path: absolute; a file that is not there is made (0644, root), a link is refused.
        content: the lines. A :class:`Secret` is never shown.
        marker: what makes this block another one than the others in the file.
        comment: what begins a comment in this kind of file; the marks are comments.
        absent: no such block, and no marks.
        notify: the handlers to run at the end if the file changed.
        validate: a command that accepts the new file, ``%s``, before it replaces the old one.

    Raises:
        InputError: a path that is not absolute, a marker of several lines, or a content that holds the marks.
    """

    path: str
    content: str | Secret = ""
    marker: str = "koprogo-fleet"
    comment: str = "#"
    absent: bool = False
    notify: tuple[str, ...] = ()
    validate: str | None = None

    def __post_init__(self) -> None:
        check_path(self.path)
        check_text(self.path, self.content)
        if not self.marker.strip() or "\n" in self.marker + self.comment:
            raise InputError(f"not a marker in one line: {self.marker!r}")
        if {self._begin, self._end} & set(text_of(self.content).split("\n")):
            raise InputError(f"the block for {self.path} holds its own marks", next_step="choose another marker")

    @property
    def name(self) -> str:
        """The word block, its marker and the file's path."""
        return f"block {self.marker} in {self.path}"

    @property
    def _begin(self) -> str:
        return f"{self.comment} BEGIN {self.marker}"

    @property
    def _end(self) -> str:
        return f"{self.comment} END {self.marker}"

    def look(self) -> str:
        """Print the file."""
        return look_at_text(self.path)

    def questions(self) -> Iterable[Question]:
        """Ask for its status."""
        return (PathStatus(self.path),)

    def decide(self, fact: Fact) -> Decision:
        """Replace what is between the marks, or add it at the end; marks that do not pair are left to a person."""
        edit = TextEdit(self.path, isinstance(self.content, Secret), self.notify, self.validate)
        return edit.decide(fact, self._edited)

    def _edited(self, text: str) -> str | Refused:
        lines = text.split("\n")
        begins = [index for index, line in enumerate(lines) if line == self._begin]
        ends = [index for index, line in enumerate(lines) if line == self._end]
        body = text_of(self.content).removesuffix("\n").split("\n") if self.content else []
        block = [] if self.absent else [self._begin, *body, self._end]
        if not begins and not ends:
            if self.absent:
                return text
            return text + ("\n" if text and not text.endswith("\n") else "") + "\n".join([*block, ""])
        if len(begins) != 1 or len(ends) != 1 or ends < begins:
            return Refused(
                f"the marks of block {self.marker} do not pair in {self.path}",
                next_step=f"make it one {self._begin!r} and one {self._end!r}, or remove them all",
            )
        return "\n".join([*lines[: begins[0]], *block, *lines[ends[0] + 1 :]])
