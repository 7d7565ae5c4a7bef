"""The page on OVH names every module of the adapter that calls for a kind of object."""

from __future__ import annotations

from pathlib import Path

from pages import page

import koprogo_fleet.ovh

NO_KINDS = {
    "__init__",
    "answers",
    "catalogue",
    "client",
    "conf_file",
    "credentials",
    "load_balancer_parts",
    "rate",
    "transport",
}


def test_every_kind_is_on_the_page() -> None:
    """A module without a row, and a row without a module, are errors."""
    modules = {file.stem for file in Path(koprogo_fleet.ovh.__file__).parent.glob("*.py")}
    documented = {row[1].strip("`") for row in page("docs/reference/ovh.md").rows()}

    assert modules - NO_KINDS == documented
