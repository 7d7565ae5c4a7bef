"""The page of the kind postgres-role has the fields that the kind has, and an example that is accepted."""

from __future__ import annotations

import yaml
from pages import FENCE, ROOT, page
from test_references import leaves, shown

from koprogo_fleet.secrets.kinds.postgres_role import PostgresRoleSpec
from koprogo_fleet.secrets.spec import SecretSpec

PAGE = "docs/reference/kinds/postgres-role.md"


def test_every_field_of_the_kind_is_in_the_table() -> None:
    """The first table has the kind's own fields in the model's order, with their defaults."""
    own = [
        (path, shown(info))
        for path, info in leaves(PostgresRoleSpec)
        if path.partition(".")[0].rstrip("[]") not in SecretSpec.model_fields
    ]
    rows = [(row[0].strip("`"), row[1]) for row in page(PAGE).rows()][: len(own)]

    assert [path for path, _ in own] == [path for path, _ in rows]
    written = {"disconnect": "`5m`"}
    assert [
        (path, written.get(path, default) or text) for (path, default), (_, text) in zip(own, rows, strict=True)
    ] == rows


def test_the_example_is_accepted() -> None:
    """The YAML of the page is a specification of this kind."""
    (example,) = [text for language, text in FENCE.findall((ROOT / PAGE).read_text()) if language == "yaml"]
    (secret,) = yaml.safe_load(example)["secrets"]

    assert PostgresRoleSpec.model_validate(secret).users == ("koprogo_a", "koprogo_b")
