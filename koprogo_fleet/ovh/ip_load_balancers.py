"""
The classic IP Load Balancer, a service of the account (ordered, not created by the API), and its vRack side.

Nothing that is configured is in force before :func:`refresh`. Lists give ids, so that a list costs a call for each
object and one more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from koprogo_fleet.core.errors import OvhError
from koprogo_fleet.ovh.client import OvhApi

ALL_ZONES = "all"
TCP = "tcp"
HTTP = "http"
_TASK_DONE = "done"
_TASK_PENDING = frozenset({"todo", "doing"})
_REFRESH = "refreshIplb"


@dataclass(frozen=True)
class IpLoadBalancer:
    """A service; *name* is such as ``loadbalancer-0123456789abcdef``, *state* is ok, free, blacklisted, suspended, …."""

    name: str
    display_name: str
    ipv4: IPv4Address | None
    zones: tuple[str, ...]
    state: str
    vrack_id: str | None


@dataclass(frozen=True)
class RefreshTask:
    """A task; *status* is todo, doing, done, error, blocked or cancelled."""

    id: int
    service: str
    action: str
    status: str


@dataclass(frozen=True)
class BalancerNetwork:
    """
    A private network of the vRack as the service knows it.

    Attributes:
        nat_ip: the addresses of *subnet* that the service itself connects from; nothing else may have them.
        vlan: 0 for none.
        farm_ids: the farms whose servers are in it.
    """

    id: int
    name: str
    subnet: IPv4Network
    nat_ip: IPv4Network
    vlan: int
    farm_ids: tuple[int, ...]


def list_ip_load_balancers(api: OvhApi) -> tuple[str, ...]:
    """Return the names of the account's IP Load Balancers."""
    return tuple(str(name) for name in api.get("/ipLoadbalancing"))


def get_ip_load_balancer(api: OvhApi, name: str) -> IpLoadBalancer:
    """Return one service."""
    item = api.get(f"/ipLoadbalancing/{name}")
    return IpLoadBalancer(
        name=item["serviceName"],
        display_name=item.get("displayName") or "",
        ipv4=IPv4Address(item["ipv4"]) if item.get("ipv4") else None,
        zones=tuple(item["zone"]),
        state=item["state"],
        vrack_id=item.get("vrackName"),
    )


def rename_ip_load_balancer(api: OvhApi, name: str, display_name: str) -> None:
    """Change the name that the manager shows; in force at once."""
    api.put(f"/ipLoadbalancing/{name}", {"displayName": display_name})


def list_nat_ips(api: OvhApi, name: str) -> tuple[IPv4Network, ...]:
    """Return the sources that the service connects from outside a vRack: what the nodes' firewalls must let in."""
    return tuple(IPv4Network(ip) for item in api.get(f"/ipLoadbalancing/{name}/natIp") for ip in item["ip"])


def list_pending_changes(api: OvhApi, name: str) -> dict[str, int]:
    """Return how many changes wait for a refresh, by zone; empty when all is in force."""
    return {item["zone"]: int(item["number"]) for item in api.get(f"/ipLoadbalancing/{name}/pendingChanges")}


def refresh(api: OvhApi, name: str, zone: str | None = None) -> RefreshTask:
    """Put what is configured in force, in one zone or in all; wait first for :func:`list_running_refreshes`."""
    body = {} if zone is None else {"zone": zone}
    return _task(name, api.post(f"/ipLoadbalancing/{name}/refresh", body))


def list_running_refreshes(api: OvhApi, name: str) -> tuple[int, ...]:
    """Return the ids of the refreshes that are under way."""
    path = f"/ipLoadbalancing/{name}/task"
    statuses = sorted(_TASK_PENDING)
    return tuple(int(item) for status in statuses for item in api.get(path, action=_REFRESH, status=status))


def is_task_done(api: OvhApi, task: RefreshTask) -> bool:
    """
    Whether a task is done.

    Raises:
        OvhError: it failed, or was cancelled.
    """
    path = f"/ipLoadbalancing/{task.service}/task/{task.id}"
    status = _task(task.service, api.get(path)).status
    if status != _TASK_DONE and status not in _TASK_PENDING:
        raise OvhError(
            f"{task.service}: task {task.id} ({task.action}) ended as {status}",
            method="GET",
            path=path,
            cause="OVH could not put the configuration in force",
            next_step="look at the IP Load Balancer in the OVH manager, then run the command again",
        )
    return status == _TASK_DONE


def list_networks(api: OvhApi, name: str) -> tuple[BalancerNetwork, ...]:
    """Return the private networks that the service knows."""
    path = f"/ipLoadbalancing/{name}/vrack/network"
    return tuple(_network(api.get(f"{path}/{network_id}")) for network_id in api.get(path))


def create_network(  # noqa: PLR0913 - what a network is
    api: OvhApi,
    name: str,
    display_name: str,
    *,
    subnet: IPv4Network,
    nat_ip: IPv4Network,
    vlan: int = 0,
    farm_ids: Sequence[int] = (),
) -> BalancerNetwork:
    """Tell the service a private network of its vRack; *nat_ip* lies in *subnet* and is kept free for the service."""
    body: dict[str, Any] = {"displayName": display_name, "subnet": str(subnet), "natIp": str(nat_ip), "vlan": vlan}
    if farm_ids:
        body["farmId"] = list(farm_ids)
    return _network(api.post(f"/ipLoadbalancing/{name}/vrack/network", body))


def change_farms_of_network(api: OvhApi, name: str, network_id: int, farm_ids: Sequence[int]) -> BalancerNetwork:
    """Say which farms have their servers in a private network; the others are taken out of it."""
    path = f"/ipLoadbalancing/{name}/vrack/network/{network_id}/updateFarmId"
    return _network(api.post(path, {"farmId": list(farm_ids)}))


def delete_network(api: OvhApi, name: str, network_id: int) -> None:
    """Forget a private network; refused while a farm uses it."""
    api.delete(f"/ipLoadbalancing/{name}/vrack/network/{network_id}")


def _task(name: str, item: dict[str, Any]) -> RefreshTask:
    return RefreshTask(int(item["id"]), name, item["action"], item["status"])


def _network(item: dict[str, Any]) -> BalancerNetwork:
    return BalancerNetwork(
        id=int(item["vrackNetworkId"]),
        name=item.get("displayName") or "",
        subnet=IPv4Network(item["subnet"]),
        nat_ip=IPv4Network(item["natIp"]),
        vlan=int(item.get("vlan") or 0),
        farm_ids=tuple(int(farm["id"]) for farm in item.get("farmId") or ()),
    )
