"""The routes below ``/cloud/project/<project>``, a file for each noun."""

from __future__ import annotations

from koprogo_fleet.lab.ovh_api.calls import Route
from koprogo_fleet.lab.ovh_api.routes import catalogue, groups, instances, networks, ssh_keys, volumes

PROJECT_ROUTES: tuple[Route, ...] = (
    *catalogue.ROUTES,
    *ssh_keys.ROUTES,
    *networks.ROUTES,
    *groups.ROUTES,  # before instances: /instance/group is no instance
    *instances.ROUTES,
    *volumes.ROUTES,
)

__all__ = ["PROJECT_ROUTES"]
