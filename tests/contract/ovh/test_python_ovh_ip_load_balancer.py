"""OVH's own client against every route of the classic IP Load Balancer: each answer has OVH's fields, and no other."""

from __future__ import annotations

from typing import Any

import ovh_shapes as shapes
import pytest
from emulated_cloud import Cloud, until
from network_scene import BALANCER, add_ip_load_balancer

from koprogo_fleet.lab.ovh_api.routes import (
    ip_load_balancer_farms,
    ip_load_balancer_frontends,
    ip_load_balancer_networks,
    ip_load_balancer_servers,
    ip_load_balancers,
)

ROOT = f"/ipLoadbalancing/{BALANCER}"


class Client:
    """python-ovh, its answers checked."""

    def __init__(self, cloud: Cloud) -> None:
        self._ovh = cloud.python_ovh()

    def call(self, shape: Any, method: str, path: str, /, **body: Any) -> Any:
        """Call, and check the answer."""
        answer = getattr(self._ovh, method)(path, **body)
        if shape is None:
            assert answer is None
        else:
            shapes.check(shape, answer, f"{method} {path}")
        return answer

    def refresh(self) -> None:
        """Put what is configured in force."""
        task = self.call(shapes.REFRESH_TASK, "post", f"{ROOT}/refresh")
        until(lambda: self.call(shapes.REFRESH_TASK, "get", f"{ROOT}/task/{task['id']}")["status"] == "done")


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_ip_load_balancer(cloud: Cloud, kind: str) -> None:
    """The service, farms, servers, frontends, networks and refreshes."""
    add_ip_load_balancer(cloud)
    client = Client(cloud)
    farm_server = shapes.HTTP_FARM_SERVER if kind == "http" else shapes.FARM_SERVER
    frontend_shape = shapes.HTTP_FRONTEND if kind == "http" else shapes.FRONTEND
    assert [BALANCER] == client.call([str], "get", "/ipLoadbalancing")
    client.call(None, "put", ROOT, displayName="koprogo")
    assert "koprogo" == client.call(shapes.IP_LOAD_BALANCER, "get", ROOT)["displayName"]
    assert ["gra", "sbg"] == client.call([str], "get", f"{ROOT}/zone")
    client.call([shapes.NAT_IP], "get", f"{ROOT}/natIp")
    client.call(shapes.BALANCER_VRACK, "get", f"{ROOT}/vrack/status")
    client.call(shapes.NETWORK_RULES, "get", f"{ROOT}/vrack/networkCreationRules")
    client.call(shapes.VRACK_TASK, "post", "/vrack/pn-000001/ipLoadbalancing", ipLoadbalancing=BALANCER)
    until(lambda: client.call(shapes.BALANCER_VRACK, "get", f"{ROOT}/vrack/status")["state"] == "active")

    probe = {"type": "http", "interval": 30, "url": "/healthz", "match": "status", "pattern": "200"}
    farm = client.call(shapes.FARM, "post", f"{ROOT}/{kind}/farm", zone="gra", port=30080, probe=probe)
    farm_path = f"{ROOT}/{kind}/farm/{farm['farmId']}"
    fields = {"subnet": "10.0.0.0/24", "natIp": "10.0.0.248/29", "vlan": 42, "farmId": [farm["farmId"]]}
    network = client.call(shapes.BALANCER_NETWORK, "post", f"{ROOT}/vrack/network", **fields)
    network_path = f"{ROOT}/vrack/network/{network['vrackNetworkId']}"
    assert [network["vrackNetworkId"]] == client.call([int], "get", f"{ROOT}/vrack/network?vlan=42")
    assert [{"id": farm["farmId"], "type": kind}] == client.call(shapes.BALANCER_NETWORK, "get", network_path)["farmId"]
    fields = {"status": "active", "port": 30081, "probe": True, "proxyProtocolVersion": "v2"}
    server = client.call(farm_server, "post", f"{farm_path}/server", address="10.0.0.21", **fields)
    server_path = f"{farm_path}/server/{server['serverId']}"
    fields = {"zone": "gra", "port": "80", "defaultFarmId": farm["farmId"]}
    frontend = client.call(frontend_shape, "post", f"{ROOT}/{kind}/frontend", **fields)
    frontend_path = f"{ROOT}/{kind}/frontend/{frontend['frontendId']}"
    client.call([shapes.PENDING_CHANGE], "get", f"{ROOT}/pendingChanges")
    client.refresh()
    assert ["UP"] == [state["status"] for state in client.call(farm_server, "get", server_path)["serverState"]]
    assert 1 == len(client.call([int], "get", f"{ROOT}/task?action=refreshIplb&status=done"))

    client.call(None, "put", farm_path, port=30082, balance="source", vrackNetworkId=network["vrackNetworkId"])
    assert ("source", None) == (
        (changed := client.call(shapes.FARM, "get", farm_path))["balance"],
        changed["probe"],
    )
    client.call(None, "put", server_path, status="inactive")
    assert ("inactive", None) == (
        (changed := client.call(farm_server, "get", server_path))["status"],
        changed["proxyProtocolVersion"],
    )
    client.call(None, "put", frontend_path, zone="gra", port="8080", defaultFarmId=farm["farmId"])
    assert "8080" == client.call(frontend_shape, "get", frontend_path)["port"]
    assert [frontend["frontendId"]] == client.call([int], "get", f"{ROOT}/{kind}/frontend?port=8080")
    assert [farm["farmId"]] == client.call([int], "get", f"{ROOT}/{kind}/farm?zone=gra")
    assert [server["serverId"]] == client.call([int], "get", f"{farm_path}/server?address=10.0.0.21")
    client.call(shapes.BALANCER_NETWORK, "post", f"{network_path}/updateFarmId", farmId=[])
    for path in (frontend_path, server_path, farm_path, network_path):
        client.call(None, "delete", path)

    calls = ((entry["method"], entry["path"]) for entry in cloud.requests())
    assert set() == shapes.uncalled(
        calls,
        (
            *ip_load_balancers.ROUTES,
            *ip_load_balancer_networks.ROUTES,
            *ip_load_balancer_farms.ROUTES,
            *ip_load_balancer_servers.ROUTES,
            *ip_load_balancer_frontends.ROUTES,
        ),
    )
