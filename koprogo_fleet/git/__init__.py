"""Git, by its own program: what is uncommitted, and commits of exactly the files that we wrote."""

from __future__ import annotations

from koprogo_fleet.git.tree import WorkTree

__all__ = ["WorkTree"]
