"""The routes, a file for each noun: those below ``/cloud/project/<project>``, and those of the whole account."""

from __future__ import annotations

from koprogo_fleet.lab.ovh_api.calls import Route
from koprogo_fleet.lab.ovh_api.routes import (
    account,
    authorisation,
    catalogue,
    dns,
    groups,
    instance_actions,
    instances,
    networks,
    object_storage,
    prices,
    quotas,
    ssh_keys,
    usage,
    users,
    volumes,
)

PROJECT_ROUTES: tuple[Route, ...] = (
    *catalogue.ROUTES,
    *quotas.ROUTES,
    *ssh_keys.ROUTES,
    *networks.ROUTES,
    *groups.ROUTES,  # before instances: /instance/group is no instance
    *instances.ROUTES,
    *instance_actions.ROUTES,
    *volumes.ROUTES,
    *object_storage.ROUTES,
    *users.ROUTES,
    *usage.ROUTES,
)

ROOT_ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *authorisation.ROUTES,
    *dns.ROUTES,
    *prices.ROUTES,
)

__all__ = ["PROJECT_ROUTES", "ROOT_ROUTES"]
