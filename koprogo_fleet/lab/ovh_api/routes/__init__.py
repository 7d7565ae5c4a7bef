"""The routes of the emulator, a file for each noun, and what the jobs do that they begin."""

from __future__ import annotations

from koprogo_fleet.lab.ovh_api.calls import Route
from koprogo_fleet.lab.ovh_api.lifecycle import Effect
from koprogo_fleet.lab.ovh_api.routes import (
    account,
    authorisation,
    catalogue,
    dedicated_servers,
    dns,
    floating_ips,
    gateways,
    groups,
    instance_actions,
    instances,
    ip_load_balancer_farms,
    ip_load_balancer_frontends,
    ip_load_balancer_networks,
    ip_load_balancer_servers,
    ip_load_balancers,
    load_balancer_parts,
    load_balancers,
    networks,
    object_storage,
    operations,
    pool_parts,
    prices,
    quotas,
    ssh_keys,
    usage,
    users,
    volumes,
    vracks,
)

PROJECT_ROUTES: tuple[Route, ...] = (
    *catalogue.ROUTES,
    *quotas.ROUTES,
    *ssh_keys.ROUTES,
    *networks.ROUTES,
    *gateways.ROUTES,
    *floating_ips.ROUTES,
    *load_balancers.ROUTES,
    *load_balancer_parts.ROUTES,
    *pool_parts.ROUTES,
    *operations.ROUTES,
    *groups.ROUTES,  # before instances: /instance/group is no instance
    *instances.ROUTES,
    *instance_actions.ROUTES,
    *volumes.ROUTES,
    *object_storage.ROUTES,
    *users.ROUTES,
    *usage.ROUTES,
)
"""Below ``/cloud/project/<project>``."""

ACCOUNT_ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *authorisation.ROUTES,
    *dns.ROUTES,
    *prices.ROUTES,
    *vracks.ROUTES,
    *dedicated_servers.ROUTES,
    *ip_load_balancers.ROUTES,
    *ip_load_balancer_networks.ROUTES,
    *ip_load_balancer_farms.ROUTES,
    *ip_load_balancer_servers.ROUTES,
    *ip_load_balancer_frontends.ROUTES,
)
"""Below the root: what belongs to the account and not to one project."""

EFFECTS: dict[str, Effect] = {
    **gateways.EFFECTS,
    **floating_ips.EFFECTS,
    **load_balancers.EFFECTS,
    **vracks.EFFECTS,
    **dedicated_servers.EFFECTS,
    **ip_load_balancers.EFFECTS,
}
"""What a job does in the state, by its action."""

__all__ = ["ACCOUNT_ROUTES", "EFFECTS", "PROJECT_ROUTES"]
