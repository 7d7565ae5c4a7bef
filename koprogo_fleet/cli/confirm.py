"""Names that a person has to type, because what bears them holds data."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import typer

from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_INTERRUPTED


def typed(names: Iterable[str], why: str = "It is deleted with the data that it holds") -> frozenset[str]:
    """
    Ask for each of *names*; none are asked for, and none returned, where nobody can answer.

    Raises:
        typer.Exit: something else was typed (exit code 3: nothing was changed), or the person left.
    """
    if not sys.stdin.isatty():
        return frozenset()
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        try:
            answer = typer.prompt(f"{why}. Type its name, {name}, to go on", default="", show_default=False)
        except typer.Abort as error:
            raise typer.Exit(EXIT_INTERRUPTED) from error
        if answer.strip() != name:
            typer.echo(f"That is not {name}: nothing was changed.", err=True)
            raise typer.Exit(EXIT_CHANGES)
    return frozenset(wanted)
