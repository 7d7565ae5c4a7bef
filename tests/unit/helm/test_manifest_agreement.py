"""Whether a live object is as its manifest says, at a glance."""

from __future__ import annotations

from typing import Any

import pytest

from koprogo_fleet.helm.agreement import agrees


def thing(**fields: Any) -> dict[str, Any]:
    """Return an object with these fields."""
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}, **fields}


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ({"a": 1}, {"a": 1, "defaulted": 2}),
        ({"a": {"b": "x"}}, {"a": {"b": "x", "c": "y"}}),
        ({"a": None}, {"a": 1}),
        ({"a": {}, "b": [], "c": ""}, {}),
        ({"cpu": "1000m", "memory": "1024Mi"}, {"cpu": "1", "memory": "1Gi"}),
        ({"cpu": 0.5}, {"cpu": "500m"}),
        ({"hostNetwork": False}, {}),
        ({"ports": [{"port": 80}]}, {"ports": [{"port": 80, "protocol": "TCP"}]}),
    ],
)
def test_the_same(wanted: dict[str, Any], live: dict[str, Any]) -> None:
    """What the API server adds, leaves out or writes otherwise is no difference."""
    assert agrees(thing(spec=wanted), thing(spec=live))


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": "x"}, {"a": {"b": "x"}}),
        ({"a": False}, {}),
        ({"replicas": 0}, {}),
        ({"cpu": "1"}, {"cpu": "1m"}),
    ],
)
def test_doubtful(wanted: dict[str, Any], live: dict[str, Any]) -> None:
    """Any other value, number of items or missing field is left to a real comparison."""
    assert not agrees(thing(spec=wanted), thing(spec=live))


def test_metadata() -> None:
    """Labels and annotations count, those of others and the rest of the metadata do not."""
    wanted = thing(metadata={"name": "a", "labels": {"x": "1"}})

    assert agrees(wanted, thing(metadata={"name": "a", "uid": "u", "labels": {"x": "1", "y": "2"}}))
    assert agrees(thing(), thing(metadata={"name": "a", "labels": {"y": "2"}, "annotations": {"z": "3"}}))
    assert not agrees(wanted, thing(metadata={"name": "a", "labels": {"x": "2"}}))


def test_the_text_of_a_secret() -> None:
    """What a manifest gives as text is compared with what is stored."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}

    assert agrees({**secret, "stringData": {"k": "word"}}, {**secret, "data": {"k": "d29yZA=="}})
    assert not agrees({**secret, "stringData": {"k": "word"}}, {**secret, "data": {"k": "b3RoZXI="}})
