"""A thousand secrets that are hard to carry and easy to find again."""

from __future__ import annotations

MARK = "kn7xQz4wVt9pLd2"
"""In every secret; letters and digits only, so that no escaping changes it."""

LARGEST = 1024 * 1024
TOO_LARGE = LARGEST + 1

_PIECES = (
    "",
    "'",
    '"',
    "'\"'\"'",
    "\n",
    "\r\n",
    "$(id)",
    "`id`",
    "${HOME}",
    "$'\\n'",
    "{{x}}",
    "{% raw %}",
    "%s",
    "%(x)s",
    "%n",
    "#",
    "-",
    "--help",
    "-n ",
    "+",
    "+x",
    "\0",
    "\0\0",
    "\U0001f600",
    "é",
    "\u2028",
    "\ufeff",
    ".*",
    "^(a|b)+$",
    "[bold]",
    "\\",
    "\\n",
    "\x1b[2J",
    "\x07",
    "\t",
    " ",
    "a=b",
    "&& id",
    "; id",
    "| id",
    "> /dev/null",
    "EOF\n",
    "<<EOF",
    "QUJD==",
    "!x",
    "*",
    "~",
    "null",
    "0x1F",
    "{'a': 1}",
    ": ",
    "---\n",
)


def _small(number: int) -> str:
    head = _PIECES[number % len(_PIECES)]
    tail = _PIECES[(number * 7 + number // len(_PIECES)) % len(_PIECES)]
    return f"{head}{MARK}{number:04}{tail}"


SMALL = tuple(_small(number) for number in range(998))
LARGE = "x" * (LARGEST - len(MARK)) + MARK
OVERSIZED = MARK + "y" * (TOO_LARGE - len(MARK))
VALUES = (*SMALL, LARGE, OVERSIZED)
"""A thousand: quotes, newlines, commands, templates, controls, NUL, four-byte UTF-8, 1 MiB, and one byte more."""
