"""OVH's own client against every route of the network: each answer has OVH's fields, and no other."""

from __future__ import annotations

from typing import Any

import ovh_shapes as shapes
import pytest
from emulated_cloud import Cloud, until
from network_scene import REGION, SERVER, a_place, add_ip_load_balancer, add_server
from ovh_shapes import check

from koprogo_fleet.lab.ovh_api import owned
from koprogo_fleet.lab.ovh_api.calls import Route
from koprogo_fleet.lab.ovh_api.routes import (
    dedicated_servers,
    floating_ips,
    gateways,
    load_balancer_parts,
    load_balancers,
    networks,
    operations,
    pool_parts,
    vracks,
)
from koprogo_fleet.ovh import catalogue

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0V someone"


class Client:
    """python-ovh, its answers checked, for one project."""

    def __init__(self, cloud: Cloud) -> None:
        self._ovh = cloud.python_ovh()
        self._project = f"/cloud/project/{cloud.state.keys.project_id}"
        self.region = f"/region/{REGION}"

    def call(self, shape: Any, method: str, path: str, /, **body: Any) -> Any:
        """Call an absolute path (or one below the project), and check the answer."""
        root = "" if path.startswith(("/vrack/", "/dedicated")) or path == "/vrack" else self._project
        answer = getattr(self._ovh, method)(root + path, **body)
        if shape is None:
            assert answer is None
        else:
            check(shape, answer, f"{method} {path}")
        return answer

    def operation(self, method: str, path: str, /, **body: Any) -> Any:
        """Call what answers with an operation, and wait for its end."""
        operation = self.call(shapes.OPERATION, method, path, **body)
        until(
            lambda: self.call(shapes.OPERATION, "get", f"/operation/{operation['id']}")["status"] == "completed",
        )
        return self.call(shapes.OPERATION, "get", f"/operation/{operation['id']}")

    def project_vrack(self) -> None:
        """Ask for the project's own vRack, and check it."""
        check(shapes.PROJECT_VRACK, self._ovh.get(f"{self._project}/vrack"))

    def until_active(self, balancer_id: str) -> None:
        """Wait until a load balancer takes the next change."""
        path = f"{self.region}/loadbalancing/loadbalancer/{balancer_id}"
        until(lambda: self.call(shapes.LOAD_BALANCER, "get", path)["provisioningStatus"] == "active")


def assert_all_called(cloud: Cloud, routes: tuple[Route, ...]) -> None:
    """Fail for a route that the test did not call."""
    project = f"/cloud/project/{cloud.state.keys.project_id}"
    calls = ((entry["method"], entry["path"].removeprefix(project)) for entry in cloud.requests())

    assert set() == shapes.uncalled(calls, routes)


def test_networks(cloud: Cloud) -> None:
    """Networks, their regions and subnets."""
    client = Client(cloud)
    network = client.call(shapes.PRIVATE_NETWORK, "post", "/network/private", name="n", vlanId=7, regions=[REGION])
    path = f"/network/private/{network['id']}"
    until(lambda: client.call(shapes.PRIVATE_NETWORK, "get", path)["status"] == "ACTIVE")
    client.call(shapes.PRIVATE_NETWORK, "post", f"{path}/region", region="SBG5")
    until(lambda: client.call(shapes.PRIVATE_NETWORK, "get", path)["regions"][1]["status"] == "ACTIVE")
    pool = {"start": "10.0.0.2", "end": "10.0.0.99", "dhcp": False, "noGateway": False}
    for region in (REGION, "SBG5"):
        subnet = client.call(shapes.SUBNET, "post", f"{path}/subnet", network="10.0.0.0/24", region=region, **pool)
    client.call([shapes.SUBNET], "get", f"{path}/subnet")
    there = client.call(shapes.SUBNET, "put", f"{path}/subnet/{subnet['id']}", dhcp=False, disableGateway=False)
    assert "10.0.0.1" == there["gatewayIp"]
    client.call(None, "delete", f"{path}/subnet/{subnet['id']}")
    client.call(None, "put", path, name="renamed")
    (network,) = client.call([shapes.PRIVATE_NETWORK], "get", "/network/private")
    client.call(None, "delete", f"/region/SBG5/network/{network['regions'][1]['openstackId']}")
    client.call([shapes.PRIVATE_NETWORK], "get", "/network/public")
    client.call(None, "delete", path)

    assert ("renamed", 2) == (network["name"], len(network["regions"]))
    assert_all_called(cloud, networks.ROUTES)


def test_gateways(cloud: Cloud) -> None:
    """Gateways and operations; the network that is created with one is found by its OpenStack id."""
    client, place = Client(cloud), a_place(cloud.api())
    made = client.operation(
        "post",
        f"{client.region}/network/{place.openstack_id}/subnet/{place.subnet_id}/gateway",
        name="one",
        model="s",
    )
    subnet = {"cidr": "10.9.0.2/24", "enableDhcp": False, "enableGatewayIp": True, "ipVersion": 4}
    both = client.operation(
        "post", f"{client.region}/network", name="two", subnet=subnet, gateway={"name": "two", "model": "m"}
    )
    listed = client.call([shapes.GATEWAY], "get", f"{client.region}/gateway")
    client.call([shapes.GATEWAY], "get", f"{client.region}/gateway?limit=1&marker={made['resourceId']}")
    path = f"{client.region}/gateway/{made['resourceId']}"
    client.call(shapes.GATEWAY, "put", path, name="one", model="l")
    assert "l" == client.call(shapes.GATEWAY, "get", path)["model"]
    client.operation("delete", path)
    client.call([shapes.OPERATION], "get", "/operation")

    assert [made["resourceId"], both["subOperations"][0]["resourceId"]] == [item["id"] for item in listed]
    assert both["resourceId"] in [
        region["openstackId"]
        for network in client.call([shapes.PRIVATE_NETWORK], "get", "/network/private")
        for region in network["regions"]
    ]
    assert_all_called(cloud, (*gateways.ROUTES, *operations.ROUTES))


def test_floating_ips(cloud: Cloud) -> None:
    """Floating IPs on an instance and on a load balancer, new ones and existing ones."""
    client, place = Client(cloud), a_place(cloud.api())
    instance_ip = "10.0.0.21"
    flavor = catalogue.find("flavor", "b2-7", catalogue.list_flavors(cloud.api(), REGION), REGION)
    image = catalogue.list_images(cloud.api(), REGION)[0]
    instance = cloud.python_ovh().post(
        f"/cloud/project/{cloud.state.keys.project_id}/instance",
        name="w",
        region=REGION,
        flavorId=flavor.id,
        imageId=image.id,
        networks=[{"networkId": place.openstack_id, "ip": instance_ip}],
    )
    gateway = {"name": "koprogo", "model": "s"}
    on_instance = f"{client.region}/instance/{instance['id']}"
    made = client.operation("post", f"{on_instance}/floatingIp", ip=instance_ip, gateway=gateway)
    path = f"{client.region}/floatingip/{made['resourceId']}"
    assert "active" == client.call(shapes.FLOATING_IP, "get", path)["status"]
    client.call(None, "post", f"{path}/detach")
    client.operation("post", f"{on_instance}/associateFloatingIp", ip=instance_ip, floatingIpId=made["resourceId"])
    client.call(None, "post", f"{path}/detach")
    body = {"name": "lb", "flavorId": client.call([shapes.LOAD_BALANCER_FLAVOR], "get", _flavors())[0]["id"]}
    body["network"] = {"private": {"network": {"id": place.openstack_id, "subnetId": place.subnet_id}}}
    made_balancer = client.operation("post", f"{client.region}/loadbalancing/loadbalancer", **body)
    on_balancer = f"{client.region}/loadbalancing/loadbalancer/{made_balancer['resourceId']}"
    vip = client.call(shapes.LOAD_BALANCER, "get", on_balancer)["vipAddress"]
    client.operation("post", f"{on_balancer}/associateFloatingIp", ip=vip, floatingIpId=made["resourceId"])
    client.call(None, "delete", path)
    client.operation("post", f"{on_balancer}/floatingIp", ip=vip)

    (floating,) = client.call([shapes.FLOATING_IP], "get", f"{client.region}/floatingip")
    assert "loadbalancer" == floating["associatedEntity"]["type"]
    assert floating["ip"] == client.call(shapes.LOAD_BALANCER, "get", on_balancer)["floatingIp"]["ip"]
    assert_all_called(cloud, floating_ips.ROUTES)


def _flavors() -> str:
    return f"/region/{REGION}/loadbalancing/flavor"


def test_load_balancer(cloud: Cloud) -> None:
    """A load balancer in one call, and in parts: listeners, pools, members and monitors."""
    client, place = Client(cloud), a_place(cloud.api())
    flavor, larger = client.call([shapes.LOAD_BALANCER_FLAVOR], "get", _flavors())[:2]
    client.call(shapes.LOAD_BALANCER_FLAVOR, "get", f"{_flavors()}/{flavor['id']}")
    monitor = {"name": "m", "monitorType": "tcp", "delay": 5, "timeout": 3, "maxRetries": 2}
    pool = {"algorithm": "roundRobin", "protocol": "proxyV2", "healthMonitor": monitor}
    pool["members"] = [{"address": "10.0.0.21", "protocolPort": 30443}]
    private = {"network": {"id": place.openstack_id, "subnetId": place.subnet_id}, "floatingIpCreate": {}}
    private["gatewayCreate"] = {"name": "koprogo", "model": "s"}
    made = client.operation(
        "post",
        f"{client.region}/loadbalancing/loadbalancer",
        name="lb",
        flavorId=flavor["id"],
        network={"private": private},
        listeners=[{"port": 443, "protocol": "tcp", "pool": pool}],
    )
    balancer_id = made["resourceId"]
    root = f"{client.region}/loadbalancing"
    (balancer,) = client.call([shapes.LOAD_BALANCER], "get", f"{root}/loadbalancer")
    assert balancer["floatingIp"] is not None
    client.call(shapes.STATS, "get", f"{root}/loadbalancer/{balancer_id}/stats")
    client.call(shapes.LOAD_BALANCER, "put", f"{root}/loadbalancer/{balancer_id}", name="x", flavorId=larger["id"])
    client.until_active(balancer_id)
    assert larger["id"] == client.call(shapes.LOAD_BALANCER, "get", f"{root}/loadbalancer/{balancer_id}")["flavorId"]

    fields = {"name": "http", "port": 80, "protocol": "http"}
    listener = client.call(shapes.LISTENER, "post", f"{root}/listener", loadbalancerId=balancer_id, **fields)
    client.until_active(balancer_id)
    fields = {"name": "p", "protocol": "proxy", "algorithm": "sourceIP"}
    pool = client.call(shapes.POOL, "post", f"{root}/pool", listenerId=listener["id"], **fields)
    client.until_active(balancer_id)
    members = [{"address": "10.0.0.21", "protocolPort": 30080, "name": "w"}]
    (member,) = client.call([shapes.MEMBER], "post", f"{root}/pool/{pool['id']}/member", members=members)
    client.until_active(balancer_id)
    http = {"urlPath": "/healthz", "httpMethod": "GET", "expectedCodes": "200-204", "domainName": "koprogo.test"}
    http["httpVersion"] = "1.1"
    fields = {**monitor, "monitorType": "http", "httpConfiguration": http}
    watch = client.call(shapes.MONITOR, "post", f"{root}/healthMonitor", poolId=pool["id"], **fields)
    client.until_active(balancer_id)
    paths = {
        f"{root}/listener/{listener['id']}": (shapes.LISTENER, {"name": "new", "allowedCidrs": ["10.0.0.0/8"]}),
        f"{root}/pool/{pool['id']}": (shapes.POOL, {"algorithm": "leastConnections"}),
        f"{root}/pool/{pool['id']}/member/{member['id']}": (shapes.MEMBER, {"weight": 10}),
        f"{root}/healthMonitor/{watch['id']}": (shapes.MONITOR, {"delay": 30, "httpConfiguration": http}),
    }
    for path, (shape, change) in paths.items():
        assert change.items() <= client.call(shape, "put", path, **change).items()
        client.until_active(balancer_id)
        assert "active" == client.call(shape, "get", path)["provisioningStatus"]
    for noun, shape in (("listener", shapes.LISTENER), ("pool", shapes.POOL), ("healthMonitor", shapes.MONITOR)):
        assert 2 == len(client.call([shape], "get", f"{root}/{noun}"))
    assert 1 == len(client.call([shapes.MONITOR], "get", f"{root}/healthMonitor?poolId={pool['id']}"))
    assert [] == client.call([shapes.LISTENER], "get", f"{root}/listener?loadbalancerId={pool['id']}")
    client.call([shapes.MEMBER], "get", f"{root}/pool/{pool['id']}/member")
    for path in reversed(paths):
        client.call(None, "delete", path)
        client.until_active(balancer_id)
    client.call(None, "delete", f"{root}/loadbalancer/{balancer_id}")
    until(lambda: client.call([shapes.LOAD_BALANCER], "get", f"{root}/loadbalancer") == [])

    assert [] == client.call([shapes.POOL], "get", f"{root}/pool")
    assert_all_called(cloud, (*load_balancers.ROUTES, *load_balancer_parts.ROUTES, *pool_parts.ROUTES))


@pytest.mark.parametrize("is_legacy", [False, True])
def test_vracks_and_dedicated_servers(cloud: Cloud, *, is_legacy: bool) -> None:
    """vRacks, their tasks, and the dedicated servers that are attached as a whole or by their interface."""
    client = Client(cloud)
    add_server(cloud, is_legacy=is_legacy)
    add_ip_load_balancer(cloud)
    owned.add_vrack(cloud.state, "pn-000002")
    vrack = "/vrack/pn-000002"
    server = f"/dedicated/server/{SERVER}"
    assert ["pn-000001", "pn-000002"] == client.call([str], "get", "/vrack")
    client.call(None, "put", vrack, name="koprogo", description="all of it")
    assert "koprogo" == client.call(shapes.VRACK, "get", vrack)["name"]
    client.project_vrack()
    assert [SERVER] == client.call([str], "get", "/dedicated/server")
    client.call(shapes.DEDICATED_SERVER, "get", server)
    client.call([shapes.ip_network], "get", f"{server}/ips")
    assert is_legacy == (client.call([shapes.UUID], "get", f"{server}/virtualNetworkInterface?mode=vrack") == [])
    interface = client.call([shapes.UUID], "get", f"{server}/virtualNetworkInterface")[-1]
    (mac,) = client.call([str], "get", f"{server}/networkInterfaceController?linkType=private")
    client.call(shapes.NIC, "get", f"{server}/networkInterfaceController/{mac}")
    allowed = client.call(shapes.ALLOWED_SERVICES, "get", f"{vrack}/allowedServices")
    assert is_legacy == (allowed["dedicatedServerInterface"] == [])
    family, member = ("dedicatedServer", SERVER) if is_legacy else ("dedicatedServerInterface", interface)
    cloud.fault("slow", "POST", "/vrack/*", seconds=0.3)
    task = client.call(shapes.VRACK_TASK, "post", f"{vrack}/{family}", **{family: member})
    client.call(shapes.VRACK_TASK, "get", f"{vrack}/task/{task['id']}")
    assert [task["id"]] == client.call([int], "get", f"{vrack}/task")
    until(lambda: client.call([int], "get", f"{vrack}/task") == [])
    assert [member] == client.call([str], "get", f"{vrack}/{family}")
    client.call({family: str, "vrack": str}, "get", f"{vrack}/{family}/{member}")
    client.call([shapes.VRACK_INTERFACE], "get", f"{vrack}/dedicatedServerInterfaceDetails")
    shape = client.call(shapes.VIRTUAL_INTERFACE, "get", f"{server}/virtualNetworkInterface/{interface}")
    assert is_legacy or ("pn-000002", [mac]) == (shape["vrack"], shape["networkInterfaceController"])
    assert ["pn-000002"] == client.call([str], "get", f"{server}/vrack")
    client.call(shapes.VRACK_TASK, "delete", f"{vrack}/{family}/{member}")
    until(lambda: client.call([str], "get", f"{vrack}/{family}") == [])
    task = client.call(shapes.SERVER_TASK, "post", f"{server}/reboot")
    until(lambda: client.call(shapes.SERVER_TASK, "get", f"{server}/task/{task['taskId']}")["status"] == "done")
    assert [task["taskId"]] == client.call([int], "get", f"{server}/task?status=done&function=hardReboot")

    assert_all_called(cloud, (*vracks.ROUTES, *dedicated_servers.ROUTES))
