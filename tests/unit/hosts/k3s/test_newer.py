"""What a restore would lose, told from a listing of the cluster."""

from __future__ import annotations

from datetime import UTC, datetime

from koprogo_fleet.hosts.k3s.newer import Newer, newer

MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LISTING = """\
ConfigMap default old 2026-01-01T11:00:00Z 900
ConfigMap default changed 2026-01-01T11:00:00Z 1100
ConfigMap default new 2026-01-01T12:30:00Z 1200
ClusterRole - wide 2026-01-01T13:00:00Z 1300
not an object
"""


def test_created_and_changed_objects_are_told() -> None:
    """By etcd's revision even a change is found; what was created comes first."""
    assert newer(LISTING, MOMENT, 1000) == [
        Newer("ClusterRole", "-", "wide", created=True),
        Newer("ConfigMap", "default", "new", created=True),
        Newer("ConfigMap", "default", "changed", created=False),
    ]


def test_without_a_revision_only_what_was_created_is_told() -> None:
    """A snapshot of K3s' own schedule has no manifest, and so no revision."""
    assert [one.name for one in newer(LISTING, MOMENT, None)] == ["wide", "new"]
