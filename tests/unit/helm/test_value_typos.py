"""Values that a chart does not know, with what may be meant."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from koprogo_fleet.helm.lint import Known, typos

TEXT = """\
replicas: 1
# logLevel: debug
image: {tag: "1"}
annotations: {}
"""
SCHEMA = {
    "additionalProperties": False,
    "properties": {
        "replicas": {"type": "integer"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
DEFAULTS = Known(yaml.safe_load(TEXT), TEXT, {}, frozenset({"global", "redis"}))
CLOSED = Known({}, "", SCHEMA, frozenset({"global"}))


@pytest.mark.parametrize(
    ("known", "values", "place"),
    [
        (DEFAULTS, {"replcas": 2}, ("replcas",)),
        (DEFAULTS, {"image": {"tga": "2"}}, ("image", "tga")),
        (CLOSED, {"replcas": 2}, ("replcas",)),
        (CLOSED, {"other": 2}, ("other",)),
    ],
)
def test_told(known: Known, values: dict[str, Any], place: tuple[str, ...]) -> None:
    """A name that is nearly one of the chart's is told; where a schema is closed, any other."""
    ((found, _),) = typos(values, known)

    assert place == found


@pytest.mark.parametrize(
    ("known", "values"),
    [
        (DEFAULTS, {"replicas": 2, "image": {"tag": "2"}}),
        (DEFAULTS, {"logLevel": "info"}),
        (DEFAULTS, {"annotations": {"replicaz": "x"}}),
        (DEFAULTS, {"somethingElse": 1}),
        (DEFAULTS, {"redis": {"replcas": 1}, "global": {"x": 1}}),
        (CLOSED, {"labels": {"anything": "x"}, "global": {}}),
    ],
)
def test_not_told(known: Known, values: dict[str, Any]) -> None:
    """What a comment names, what is free to be filled, and what belongs to a chart inside is no mistake."""
    assert [] == list(typos(values, known))
