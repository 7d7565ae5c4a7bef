"""The command line and its reference say the same."""

from __future__ import annotations

import re
import sys

import pytest
from pages import page
from typer.core import TyperGroup

from koprogo_fleet.cli import reference
from koprogo_fleet.core import errors

LEAVES = {name: command for name, command in reference.commands().items() if not isinstance(command, TyperGroup)}


def test_the_reference_is_up_to_date() -> None:
    """The page in the repository is what the commands say today."""
    renew = f"run: {sys.executable} -m koprogo_fleet.cli.reference > docs/reference/cli.md"

    assert reference.reference() == page("docs/reference/cli.md").text, renew


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_explains_itself(name: str) -> None:
    """A command has help, an example that calls it, and help for each of its options."""
    command = LEAVES[name]

    assert command.help
    assert reference.examples(command)
    assert [] == [example for example in reference.examples(command) if f"{name} " not in f"{example} "]
    assert [] == [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]


def test_every_exit_code_is_explained() -> None:
    """The help and the decision record list the exit codes of the code, and no other."""
    codes = {str(value) for name, value in vars(errors).items() if name.startswith("EXIT_")}
    (_, application), *_ = reference.commands().items()

    assert codes == set(re.findall(r"\b\d+\b", application.epilog or ""))
    assert codes == {row[0] for row in page("docs/reference/cli.md").rows("## Exit codes")}
    assert codes == {row[0] for row in page("docs/adr/0009-errors-and-exit-codes.md").rows()}
