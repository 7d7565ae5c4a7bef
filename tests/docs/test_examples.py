"""The Python in the documentation is Python that works."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pages import PAGES, ROOT, Page

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts import resource
from koprogo_fleet.hosts.resource import Change, Fact, Unchanged

SCRIPTS = sorted((ROOT / "examples").glob("*.py"))


def check_names(source: str) -> None:
    """Import every name that *source* imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


def check_calls(source: str) -> None:
    """Bind the keywords of each call of a name imported from us to that function's signature."""
    tree = ast.parse(source)
    ours: dict[str, Any] = {
        alias.asname or alias.name: getattr(importlib.import_module(node.module or ""), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (node.module or "").startswith("koprogo")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in ours:
                keywords = {keyword.arg: None for keyword in node.keywords if keyword.arg}
                inspect.signature(ours[node.func.id]).bind(*node.args, **keywords)
            for keyword in node.keywords:
                if keyword.arg == "task" and isinstance(keyword.value, ast.Name) and keyword.value.id in ours:
                    options = {other.arg: None for other in node.keywords if other.arg and other is not keyword}
                    inspect.signature(ours[keyword.value.id]).bind(None, **options)


@pytest.mark.parametrize("here", [here for here in PAGES if here.blocks("python")], ids=str)
def test_python_blocks_compile_and_import(here: Page) -> None:
    """A block compiles, the names that it imports exist, and our functions take the arguments it gives."""
    for block in here.blocks("python"):
        check_names(block)
        check_calls(block)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_example_scripts_import_what_exists(script: Path) -> None:
    """A script in examples/ imports names that exist, and calls our functions and tasks as they are."""
    check_names(script.read_text())
    check_calls(script.read_text())


def _documented_resource() -> Any:
    """Run the class in the docstring of the contract of resources."""
    source = re.split(r"::\n", inspect.getdoc(resource) or "")[1]
    names: dict[str, Any] = {
        **vars(resource),
        "Difference": Difference,
        "Operation": Operation,
        "dataclass": dataclass,
        "shlex": shlex,
    }
    exec(compile(textwrap.dedent(source), "the docstring", "exec"), names)  # noqa: S102 - our own documentation
    return names["Timezone"]


def test_the_documented_resource_decides() -> None:
    """The resource that the docstring shows leaves what is right alone, and mends what is not."""
    timezone = _documented_resource()("Europe/Brussels")
    right = Fact(0, b"/usr/share/zoneinfo/Europe/Brussels\n")
    wrong = Fact(0, b"/usr/share/zoneinfo/Etc/UTC\n")

    assert Unchanged() == timezone.decide(right)
    assert Change(
        (Difference(Operation.CHANGE, "timezone", "Etc/UTC", "Europe/Brussels"),),
        script="timedatectl set-timezone Europe/Brussels",
    ) == timezone.decide(wrong)


def test_the_documented_look_is_a_shell_command() -> None:
    """The look of the docstring's resource is POSIX sh."""
    done = subprocess.run(["sh", "-nc", _documented_resource()("UTC").look()], timeout=10, check=False)

    assert 0 == done.returncode
