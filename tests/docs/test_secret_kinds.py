"""The page on kinds of secrets has every kind, and its examples are what the kinds read."""

from __future__ import annotations

import yaml
from pages import FENCE, page

from koprogo_fleet.secrets.kinds import KINDS

PAGE = page("docs/reference/secret-kinds.md")
SPECS = {kind.name: kind.spec for kind in KINDS}


def test_every_kind_is_on_the_page() -> None:
    """A kind without a row, a row without a kind, and a row with other fields or another type are errors."""
    rows = {row[0].split("`")[1]: (row[2].strip("`").split("`, `"), row[3].strip("`")) for row in PAGE.rows()}

    assert rows == {name: (list(spec.FIELDS), spec.TYPE) for name, spec in SPECS.items()}


def test_every_kind_has_an_example_that_is_read() -> None:
    """Below the heading of each kind there is an example of that kind, and it is right."""
    for name, spec in SPECS.items():
        section = PAGE.text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        examples = [yaml.safe_load(body) for language, body in FENCE.findall(section) if language == "yaml"]
        assert examples, name
        assert {name} == {spec.model_validate(example).kind for example in examples}
