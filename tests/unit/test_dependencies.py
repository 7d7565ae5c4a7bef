"""What is imported is declared, and what is declared is used."""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LAB = ROOT / "koprogo_fleet" / "lab"
SCHEMAS = ROOT / "koprogo_fleet" / "helm" / "schemas.py"

OUR_OWN = {"koprogo_fleet", "koprogo_tasks"}
TYPES_ONLY = {"_typeshed"}
PARTS = {"pydantic-core": "pydantic", "click": "typer"}
"""A distribution that another one pins exactly, or brings as its own."""
DATA = {"kubernetes-validate"}
"""Read as files."""
PLUGINS = {"nornir-netmiko"}
"""Found by Nornir through their entry points; the inventory carries their options."""


def declared(requirements: list[str]) -> set[str]:
    """Return the names of *requirements*."""
    return {re.split(r"[<>=\[ ]", requirement)[0].lower() for requirement in requirements}


def imported(files: Iterator[Path]) -> set[str]:
    """Return the distributions that *files* import from, by the names that pyproject.toml gives them."""
    modules: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    foreign = modules - sys.stdlib_module_names - OUR_OWN - TYPES_ONLY
    # "ruamel" is a namespace of several distributions: the declared one is meant.
    found = packages_distributions()
    names = {_choose([name.lower().replace("_", "-") for name in found[module]]) for module in foreign}
    return {PARTS.get(name, name) for name in names}


def _choose(names: list[str]) -> str:
    known = declared([*PROJECT["dependencies"], *itertools.chain(*PROJECT["optional-dependencies"].values())])
    return next((name for name in names if name in known), names[0])


def test_the_product_imports_what_it_declares() -> None:
    """Outside of the extras every import comes from a dependency, and every dependency is imported."""
    files = [*(ROOT / "koprogo_fleet").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]
    product = imported(path for path in files if not path.is_relative_to(LAB) and path != SCHEMAS)

    assert declared(PROJECT["dependencies"]) == product | PLUGINS


def test_the_lab_imports_what_it_declares() -> None:
    """The lab's extra is what the lab imports beyond the product's own dependencies."""
    lab = imported(LAB.rglob("*.py"))

    assert declared(PROJECT["optional-dependencies"]["lab"]) == lab - declared(PROJECT["dependencies"])


def test_the_check_of_schemas_imports_what_it_declares() -> None:
    """The extra with Kubernetes' schemas is what that module imports or reads beyond the product's own dependencies."""
    schemas = imported(iter([SCHEMAS]))

    assert declared(PROJECT["optional-dependencies"]["schemas"]) == (schemas | DATA) - declared(PROJECT["dependencies"])
