"""The pages about releases list the rules and fields that the code has."""

from __future__ import annotations

import pytest
from pages import page
from pydantic import BaseModel

from koprogo_fleet.helm.policy import RULES, Exemption
from koprogo_fleet.helm.smoke import SmokeTest


def test_the_table_is_the_rules() -> None:
    """Each rule has its row, in order, with its reason and how to mend a chart, word by word."""
    assert [[f"`{rule.id}`", rule.why, rule.mend] for rule in RULES] == page("docs/reference/policy.md").rows()


@pytest.mark.parametrize(
    ("model", "name", "heading"), [(Exemption, "policy", "## Exemptions"), (SmokeTest, "smoke", "# Smoke tests")]
)
def test_every_field_has_its_row(model: type[BaseModel], name: str, heading: str) -> None:
    """What can be written is in the table, in the order of the model, and nothing else."""
    rows = page(f"docs/reference/{name}.md").rows(heading if heading.startswith("##") else "")

    assert [f"`{field}`" for field in model.model_fields] == [row[0] for row in rows]
