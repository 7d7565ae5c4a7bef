"""
Words in braces that stand for something else in a request or a command: ``{name}``, ``{id}``, ``{token}``, ``{vault:PATH#KEY}``.

The first two are no secrets and may stand anywhere. The others stay out of what others can read: an address, an argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret

NAME, ID, TOKEN = "name", "id", "token"
PLAIN = frozenset({NAME, ID})
_VAULT = re.compile(r"vault:([A-Za-z0-9._/-]+)#([A-Za-z0-9._-]+)")
_WORD = re.compile(r"\{([a-z]+(?::[^{}]*)?)\}")

Words = Mapping[str, Secret]
"""What each word stands for."""


def words_in(template: Any) -> Iterator[str]:
    """Yield the words in a text, or in all the texts of a JSON document."""
    if isinstance(template, str):
        yield from _WORD.findall(template)
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from words_in(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from words_in(value)


def is_known(word: str) -> bool:
    """Say whether *word* stands for anything."""
    return word in {NAME, ID, TOKEN} or in_vault(word) is not None


def in_vault(word: str) -> tuple[str, str] | None:
    """Return the path and the key that *word* means, or None for another word."""
    found = _VAULT.fullmatch(word)
    return (found[1], found[2]) if found else None


def filled(text: str, words: Words, quote: Callable[[str], str] = str) -> Secret:
    """
    Return *text* with every word replaced, each quoted by itself.

    Raises:
        InputError: a word stands for nothing here.
    """

    def meaning(found: re.Match[str]) -> str:
        if found[1] not in words:
            raise InputError(f"{found[0]} stands for nothing here", next_step="look at docs/reference/secret-kinds.md")
        return quote(words[found[1]].reveal())

    return Secret(_WORD.sub(meaning, text))


def filled_document(template: Any, words: Words) -> Any:
    """Return a JSON document with the words in its texts replaced: the result holds secrets, and is for the wire alone."""
    if isinstance(template, str):
        return filled(template, words).reveal()
    if isinstance(template, Mapping):
        return {key: filled_document(value, words) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [filled_document(value, words) for value in template]
    return template
