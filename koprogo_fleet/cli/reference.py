"""
The reference of the command line, as Markdown: ``python -m koprogo_fleet.cli.reference > docs/reference/cli.md``.

It is made from the commands themselves, and from their names, options and help only: the layout of ``--help`` differs
between versions of typer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from koprogo_fleet.cli.app import app

Command = TyperCommand | TyperGroup

HEADER = """\
<!-- Made by python -m koprogo_fleet.cli.reference: do not edit, edit the commands' docstrings. -->

# The command line

`koprogo-fleet COMMAND --help` shows the same. An option that names a variable can be set there too. What `--json` prints
is in [events.md](events.md).
"""

EXAMPLE = re.compile(r"^Example: (.+)$", re.MULTILINE)


def commands() -> dict[str, Command]:
    """Return the application, its groups and its commands, by what is typed: ``koprogo-fleet k3s status``."""
    return dict(_walk("koprogo-fleet", get_command(app)))


def examples(command: Command) -> list[str]:
    """Return the command lines that a command's help gives as examples."""
    return EXAMPLE.findall(command.help or "")


def reference() -> str:
    """Return the whole page."""
    (_, root), *others = commands().items()
    parts = [HEADER, root.help or "", _exit_codes(root.epilog or "")]
    for name, command in others:
        parts += _section(name, command)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _walk(name: str, command: object) -> Iterator[tuple[str, Command]]:
    if isinstance(command, Command):
        yield name, command
    if isinstance(command, TyperGroup):
        for part, inner in command.commands.items():
            yield from _walk(f"{name} {part}", inner)


def _exit_codes(epilog: str) -> str:
    rows = re.findall(r"(\d+) ([^;.]+)[;.]", epilog.replace("\n", " "))
    return "## Exit codes\n\n" + _table("Code", "Meaning", rows=[f"| {code} | {meaning} |" for code, meaning in rows])


def _section(name: str, command: Command) -> Iterator[str]:
    yield f"## `{name}`"
    yield EXAMPLE.sub("", command.help or "")
    if lines := examples(command):
        yield "\n".join(["```console", *(f"$ {line}" for line in lines), "```"])
    arguments = [parameter for parameter in command.params if isinstance(parameter, TyperArgument)]
    options = [parameter for parameter in command.params if isinstance(parameter, TyperOption)]
    rows = [
        f"| `{argument.metavar or (argument.name or '').upper()}` | {'required' if argument.required else ''} | {argument.help} |"
        for argument in arguments
    ]
    rows += map(_row, options)
    if rows:
        yield _table("Option", "Default", "Meaning", rows=rows)


def _table(*titles: str, rows: Sequence[str]) -> str:
    return "\n".join([f"| {' | '.join(titles)} |", "|---" * len(titles) + "|", *rows])


def _row(option: TyperOption) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    default = "" if option.default in {None, False} else f"`{option.default}`"
    variable = f" Variable: `{option.envvar}`." if option.envvar else ""
    return f"| {names} | {default} | {option.help}{variable} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
