"""Directories that are root's business alone."""

from __future__ import annotations

from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Directory

CRON = tuple(f"/etc/cron.{when}" for when in ("hourly", "daily", "weekly", "monthly", "d"))


def permissions() -> tuple[Resource, ...]:
    """Return cron's directories."""
    return tuple(Directory(path, mode="0700") for path in CRON)
