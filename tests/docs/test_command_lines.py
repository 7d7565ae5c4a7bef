"""The commands that people are told to run exist."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import pytest
from pages import PAGES, ROOT, Page, page
from typer.core import TyperGroup
from typer.main import get_command

from koprogo_fleet.cli.app import app

OURS = re.compile(r"(?:^|[\s(])((?:koprogo-fleet|\./nox)(?: .*)?)$")
NOT_COMMANDS = {"lab authority"}
"""What our code calls something else: the name in a certificate."""
PLACEHOLDER = re.compile(r"\bCOMMAND\b|…$")


def command_lines(here: Page) -> Iterator[str]:
    """Yield every call of ours on a page, without what is around it (``$``, ``sudo``, variables, a redirection)."""
    lines = [line for block in here.blocks("console", "sh", "bash") for line in block.splitlines()]
    for text in [*lines, *here.spans]:
        for part in text.split(" && "):
            if found := OURS.search(re.split(" >| < ", part)[0]):
                yield from _alternatives(found[1])


def _alternatives(line: str) -> Iterator[str]:
    """Yield ``lab up`` and ``lab down`` of ``lab up | down``."""
    first, *others = line.split(" | ")
    yield first
    for other in others:
        yield " ".join([*first.split()[:-1], other])


def check_ours(words: list[str]) -> None:
    """Parse a call of ``koprogo-fleet`` as typer does, and run nothing."""
    command: object = get_command(app)
    name = "koprogo-fleet"
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        name, *words = words
        assert name in command.commands, f"no command {name}"
        command = command.commands[name]
    if words and "--help" not in words and not isinstance(command, TyperGroup):
        command.make_context(name, words)  # type: ignore[attr-defined]  # every command has it


def sessions() -> set[str]:
    """Return the names of the sessions in the noxfile."""
    functions = [
        node for node in ast.parse((ROOT / "noxfile.py").read_text()).body if isinstance(node, ast.FunctionDef)
    ]
    return {node.name for node in functions if any("session" in ast.unparse(mark) for mark in node.decorator_list)}


def check_nox(words: list[str]) -> None:
    """Check that a call of ``./nox`` lists sessions, or names existing ones."""
    ours = words[: words.index("--")] if "--" in words else words
    assert not ours or ours[0] in {"-l", "-s"}
    assert set(ours[1:]) <= sessions()


@pytest.mark.parametrize("here", PAGES, ids=str)
def test_command_lines_in_the_documentation_parse(here: Page) -> None:
    """Every command, session and option on a page exists."""
    for line in command_lines(here):
        program, *words = shlex.split(line, comments=True)
        if any(PLACEHOLDER.search(word) for word in words):
            continue
        try:
            (check_nox if program == "./nox" else check_ours)(words)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{here}: {line}: {error}") from error


def test_what_messages_tell_people_to_run_exists() -> None:
    """A command that an error or a hint of ours names is a real one."""
    groups = get_command(app)
    assert isinstance(groups, TyperGroup)
    unknown = []
    for path in [*(ROOT / "koprogo_fleet").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for words in re.findall(r"\bkoprogo-fleet ((?:[a-z][a-z0-9]*[ ,.;)]?)+)", node.value):
                    first, second, *_ = [*re.split(r"[ ,.;)]+", words), "", ""]
                    group = groups.commands.get(first)
                    known = {"", *group.commands} if isinstance(group, TyperGroup) else {second}
                    if (group is None or second not in known) and words.strip() not in NOT_COMMANDS:
                        unknown.append(f"{path}:{node.lineno}: koprogo-fleet {words}")

    assert [] == unknown


def test_the_check_itself_finds_mistakes() -> None:
    """A command, an option or a session that does not exist is noticed."""
    for words in (["nosuch"], ["lab", "nosuch"], ["plan", "--nosuch"], ["kubectl", "get", "-A"]):
        with pytest.raises(Exception, match=r"(?i)no such|no command"):
            check_ours(words)
    with pytest.raises(AssertionError):
        check_nox(["-s", "nosuch"])
    assert {"koprogo-fleet plan", "./nox -s provision"} <= set(command_lines(page("README.md")))
