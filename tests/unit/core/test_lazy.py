"""Packages whose names are imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

LOADED = "import sys; print(*(name for name in {names} if name in sys.modules))"


def loaded_after(code: str, *names: str) -> list[str]:
    """Return which of the modules *names* a new Python has loaded after *code*."""
    script = f"{code}\n{LOADED.format(names=names)}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


@pytest.mark.parametrize("package", ["koprogo_tasks", "koprogo_fleet.hosts.resources"])
def test_every_name_is_there(package: str) -> None:
    """All that the package promises can be had, and is what it is called; nothing else can."""
    module = import_module(package)

    assert [] == [name for name in module.__all__ if getattr(module, name).__name__ != name]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = module.nothing


def test_a_script_loads_what_it_uses() -> None:
    """A script with our inventory, runner and connection loads no client of another service, no netmiko, no asyncio."""
    code = "from koprogo_fleet.workflows.nornir import open_nornir; from koprogo_tasks import converge"
    others = (
        "asyncio",
        "httpx2",
        "hvac",
        "koprogo_tasks._k3s",
        "lightkube",
        "netmiko",
        "ovh",
        "requests",
        "rich",
        "unittest.mock",
    )

    assert ["paramiko"] == loaded_after(f"{code}; converge", "paramiko", *others)


def test_help_loads_no_command() -> None:
    """The command line shows its help without the work of any command."""
    assert ["typer"] == loaded_after(
        "import koprogo_fleet.cli.app", "typer", "nornir", "paramiko", "ovh", "hvac", "pydantic"
    )
