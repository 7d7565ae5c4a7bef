"""What a person is asked before something is changed, and names to type, because what bears them holds data."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import typer

from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_INTERRUPTED, InputError


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


def agreed(question: str, instead: str) -> bool:
    """
    Return what a person says to a *question*.

    Raises:
        InputError: nobody is there to answer; *instead* is the command that does not ask.
        typer.Exit: the person left.
    """
    try:
        return typer.confirm(question)
    except typer.Abort as error:
        if sys.stdin.isatty():
            raise typer.Exit(EXIT_INTERRUPTED) from error
        raise InputError(
            "nobody answered whether to apply the plan: nothing was changed",
            cause="standard input is not a terminal",
            next_step=f"{instead}, which does not ask",
        ) from error
