"""A file that is made from a text with names in it."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.questions import Question
from koprogo_fleet.hosts.resource import Decision, Fact
from koprogo_fleet.hosts.resources._text import text_of
from koprogo_fleet.hosts.resources.file import File


@dataclass(frozen=True)
class Template:
    """
    A :class:`File` whose content is *template*, with ``$name`` and ``${name}`` replaced (:class:`string.Template`).

    There is no logic in it: what needs a loop or a condition is Python, and its text is a File's content.

    Attributes:
        path: as of File, and so are mode, owner, group, notify and validate.
        template: ``$$`` is a dollar sign.
        variables: one that is a :class:`Secret` makes the whole file a secret.

    Raises:
        InputError: a name without a value, a lone dollar sign, or what File would not take.
    """

    path: str
    template: str
    variables: Mapping[str, str | int | Secret]
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    notify: tuple[str, ...] = ()
    validate: str | None = None

    def __post_init__(self) -> None:
        _ = self.file  # rendered now: a mistake is found before anything is looked at

    @cached_property
    def file(self) -> File:
        """The file that it makes."""
        return File(self.path, self._rendered(), self.mode, self.owner, self.group, self.notify, self.validate)

    @property
    def name(self) -> str:
        """The file's."""
        return self.file.name

    def look(self) -> str:
        """Look at the file."""
        return self.file.look()

    def questions(self) -> Iterable[Question]:
        """Ask as the file."""
        return self.file.questions()

    def decide(self, fact: Fact) -> Decision:
        """Decide as the file."""
        return self.file.decide(fact)

    def _rendered(self) -> str | Secret:
        template = string.Template(self.template)
        if not template.is_valid():
            raise InputError(f"the template for {self.path} has a lone $", next_step="write $$ for a dollar sign")
        names = template.get_identifiers()
        if missing := [name for name in names if name not in self.variables]:
            raise InputError(f"the template for {self.path} has names without a value: {', '.join(missing)}")
        used = {name: self.variables[name] for name in names}
        if unclear := [name for name, value in used.items() if isinstance(value, bool)]:
            raise InputError(
                f"the template for {self.path} has a truth value for {', '.join(unclear)}",
                next_step='write the word that the file wants, as "yes" or "true"',
            )
        text = template.substitute(
            {name: text_of(value) if isinstance(value, Secret) else str(value) for name, value in used.items()}
        )
        return Secret(text) if any(isinstance(value, Secret) for value in used.values()) else text
