"""What Longhorn's volumes say about whether a node may go."""

from __future__ import annotations

import pytest

from koprogo_fleet.kube.longhorn import longhorn_volume, unsettled


@pytest.mark.parametrize(
    ("status", "holds"),
    [
        ({"state": "attached", "robustness": "healthy"}, False),
        ({"state": "detached", "robustness": "unknown"}, False),
        ({"state": "attached", "robustness": "degraded"}, True),
        ({"state": "detached", "robustness": "faulted"}, True),
        ({"state": "attaching", "robustness": "unknown"}, True),
        ({}, True),
    ],
)
def test_what_is_not_whole_holds_a_node(status: dict[str, str], holds: bool) -> None:  # noqa: FBT001 - a column of the table
    """Degraded, faulted and on its way hold it, by their names; healthy and detached volumes do not."""
    volume = longhorn_volume({"metadata": {"namespace": "longhorn-system", "name": "pvc-1"}, "status": status})

    assert holds == bool(unsettled([volume]))
    assert "longhorn-system/pvc-1" in str(volume)
