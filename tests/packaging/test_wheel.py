"""The wheel has everything that is needed, nothing else, and works outside the checkout."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from environments import Installed

ROOT = Path(__file__).parents[2]
SCAFFOLD = tuple(f"inventory/lab/{name}.yaml" for name in ("fleet", "secrets", "releases", "slo"))

WRITE_EXAMPLE = """
from pathlib import Path
from koprogo_fleet.cli.scaffold import ensure_inventory
from koprogo_fleet.workflows.provision import read_input
print(len(read_input(ensure_inventory(Path("inventory"), "lab", print)).nodes))
"""
FIND_PLUGINS = """
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.plugins.inventory import InventoryPluginRegister
for register, name in ((ConnectionPluginRegister, "fleet_ssh"), (InventoryPluginRegister, "OVHInventory")):
    register.auto_register()
    print(register.get_plugin(name).__name__)
"""


def sources() -> set[str]:
    """Return what Git knows of the two packages, by where it belongs in the wheel."""
    wanted = ("koprogo_fleet", "tasks/koprogo_tasks", "charts/koprogo-api")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *wanted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.splitlines()
    present = {name for name in listed if (ROOT / name).exists()}
    moved = {name.replace("charts/", "koprogo_fleet/scaffold/charts/", 1) for name in present if name[0] == "c"}
    return (
        moved
        | {name.removeprefix("tasks/") for name in present if name[0] != "c"}
        | {f"koprogo_fleet/scaffold/{name}" for name in SCAFFOLD}
    )


def test_the_wheel_is_the_packages_and_nothing_else(wheel: Path) -> None:
    """Every source, both py.typed, the example fleet and its chart; no tests, no leftovers."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    metadata = {name for name in names if ".dist-info/" in name}

    assert sources() == names - metadata
    assert {"koprogo_fleet/py.typed", "koprogo_tasks/py.typed"} <= names
    assert {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE"} == {Path(name).name for name in metadata}


def test_the_command_works_without_the_lab(installed: Installed) -> None:
    """The plain wheel has the command line and the plugins; what needs the lab's extra says so."""
    assert 0 == installed.run("koprogo-fleet", "--help").returncode
    assert ["FleetSsh", "OVHInventory"] == installed.run("python", "-c", FIND_PLUGINS).stdout.split()

    refused = installed.run("koprogo-fleet", "plan", "--target", "ovh")

    assert (2, "") == (refused.returncode, refused.stdout)
    assert "no OVH credentials are set" in refused.stderr


def test_every_module_can_be_imported_with_the_lab(installed_with_lab: Installed) -> None:
    """No module misses another one, or a library."""
    walk = (
        "import importlib, pkgutil, koprogo_fleet, koprogo_tasks\n"
        "for package in (koprogo_fleet, koprogo_tasks):\n"
        "    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not found.name.endswith('__main__'):\n"
        "            importlib.import_module(found.name)\n"
    )
    done = installed_with_lab.run("python", "-W", "error::SyntaxWarning", "-c", walk)

    assert (0, "") == (done.returncode, done.stderr)


def test_the_example_fleet_comes_with_it(installed_with_lab: Installed) -> None:
    """In an empty folder the example is written, with its chart, and can be read."""
    done = installed_with_lab.run("python", "-c", WRITE_EXAMPLE)

    assert (0, "6") == (done.returncode, done.stdout.split()[-1])
    for name in (*SCAFFOLD, "charts/koprogo-api/Chart.yaml"):
        assert (ROOT / name).read_bytes() == (installed_with_lab.folder / name).read_bytes()


@pytest.mark.parametrize("arguments", [("nosuch",), ("lab", "up", "--nosuch")])
def test_wrong_use_is_explained(arguments: tuple[str, ...], installed: Installed) -> None:
    """Exit code 2, and no traceback."""
    done = installed.run("koprogo-fleet", *arguments)

    assert 2 == done.returncode
    assert "Traceback" not in done.stderr
