"""The decision records are complete and listed."""

from __future__ import annotations

import re
import tomllib
from itertools import chain

import pytest
from pages import PAGES, ROOT, Page, page

RECORDS = [here for here in PAGES if here.path.parent.name == "adr" and here.path.name != "README.md"]


def test_every_record_is_listed_in_order() -> None:
    """The list names each record once, by its number."""
    listed = re.findall(r"^\| \[(\d+)\]\((\S+)\)", page("docs/adr/README.md").text, re.MULTILINE)

    assert [(str(int(here.path.name[:4])), here.path.name) for here in RECORDS] == listed
    assert list(range(1, len(RECORDS) + 1)) == [int(number) for number, _ in listed]


@pytest.mark.parametrize("record", RECORDS, ids=str)
def test_a_record_has_its_number_and_sections(record: Page) -> None:
    """A record says what was decided, why, and what it costs, in this order."""
    number = int(record.path.name[:4])

    assert record.text.startswith(f"# {number}. ")
    assert ["Decision", "Why", "Cost"] == re.findall(r"^\*\*(\w+)\.\*\*", record.text, re.MULTILINE)


def test_every_dependency_was_decided() -> None:
    """The record of dependencies names all that pyproject.toml asks for at run time."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = [re.split(r"[<>=\[ ]", requirement)[0] for requirement in wanted]
    record = page("docs/adr/0008-dependencies.md").text.lower()

    assert [] == [name for name in names if name.lower() not in record]
