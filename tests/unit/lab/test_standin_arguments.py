"""The stand-in merges a component's arguments as K3s does."""

from __future__ import annotations

import pytest

from koprogo_fleet.lab.standin.node.arguments import merged

OWN = {"admission": "Node", "profiling": "false"}


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ([], ["--admission=Node", "--profiling=false"]),
        (["admission=Events"], ["--admission=Events", "--profiling=false"]),
        (["--admission+=Events"], ["--admission=Node", "--admission=Events", "--profiling=false"]),
        (["admission-=Events"], ["--admission=Events", "--admission=Node", "--profiling=false"]),
        (["admission=A", "admission=B"], ["--admission=A", "--admission=B", "--profiling=false"]),
        (["profiling", "new-one=a=b"], ["--admission=Node", "--new-one=a=b", "--profiling=true"]),
    ],
)
def test_arguments_replace_or_extend_our_own(extra: list[str], expected: list[str]) -> None:
    """A name alone is a switch; a plus appends to K3s' own value, a minus puts itself before it."""
    assert expected == merged(OWN, extra)
