"""The flags of K3s' administrative commands: an unknown one is an error, as in K3s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.standin.node.keys import Kind


@dataclass(frozen=True)
class Flags:
    """What a command line gave: by long name, and what stood alone."""

    values: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    arguments: tuple[str, ...]

    def text(self, name: str, otherwise: str = "") -> str:
        """Return a flag's value, or *otherwise*; an empty one counts as not given."""
        return self.values.get(name) or otherwise

    def given(self, name: str) -> bool:
        """Say whether a flag without a value is set."""
        return self.values.get(name) == "true"


def parse(
    arguments: Sequence[str], kinds: Mapping[str, Kind], short: Mapping[str, str], *, positional: bool = False
) -> Flags:
    """
    Take a command line apart.

    Args:
        arguments: after the subcommand's name.
        kinds: the flags' long names, and what each takes.
        short: their short names.
        positional: words that are no flags are arguments.

    Raises:
        InputError: an unknown flag, one without its value, or a word too much.
    """
    values: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word, has_value, text = rest.pop(0).partition("=")
        if not word.startswith("-"):
            if not positional:
                raise InputError(f"unexpected argument: {word}")
            words.append(word)
            continue
        name = word.lstrip("-")
        name = short.get(name, name)
        kind = kinds.get(name)
        if kind is None:
            raise InputError(f"flag provided but not defined: -{name}")
        if kind is Kind.FLAG:
            values[name] = text if has_value else "true"
            continue
        if not has_value:
            if not rest:
                raise InputError(f"flag needs an argument: -{name}")
            text = rest.pop(0)
        if kind is Kind.LIST:
            lists[name] = (*lists.get(name, ()), *text.split(","))
        else:
            values[name] = text
    return Flags(values, lists, tuple(words))
