"""Our adapters of the classic IP Load Balancer against the emulator: nothing is in force before the refresh."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from emulated_cloud import Cloud, until
from network_scene import BALANCER, add_ip_load_balancer

from koprogo_fleet.core.errors import OvhConflict, OvhError
from koprogo_fleet.lab.ovh_api.state import Record
from koprogo_fleet.ovh import ip_load_balancer_farms as farms
from koprogo_fleet.ovh import ip_load_balancer_frontends as frontends
from koprogo_fleet.ovh import ip_load_balancers as balancers
from koprogo_fleet.ovh import vracks
from koprogo_fleet.ovh.client import OvhApi

FARM = farms.NewFarm("koprogo-https", "gra", 30443, probe=farms.Probe())
WORKER = farms.NewServer("worker-1", IPv4Address("10.0.0.21"), proxy_protocol=farms.PROXY_V2)


def a_farm(api: OvhApi) -> farms.Farm:
    """Return a farm with one server, behind port 443."""
    farm = farms.create_farm(api, BALANCER, balancers.TCP, FARM)
    farms.create_server(api, BALANCER, balancers.TCP, farm.id, WORKER)
    new = frontends.NewFrontend("koprogo-https", "gra", "443", farm.id)
    frontends.create_frontend(api, BALANCER, balancers.TCP, new)
    return farm


def refreshed(api: OvhApi) -> None:
    """Put what is configured in force."""
    task = balancers.refresh(api, BALANCER)
    until(lambda: balancers.is_task_done(api, task))


def live(cloud: Cloud, zone: str = "gra") -> Record:
    """Return what is in force in a zone."""
    with cloud.state.look() as data:
        return dict(data["ip_load_balancers"][BALANCER]["live"].get(zone, {}))


def test_nothing_is_in_force_before_the_refresh(cloud: Cloud) -> None:
    """Changes are pending, zone by zone, until a refresh is done; then the servers have a state."""
    api = cloud.api()
    add_ip_load_balancer(cloud)

    farm = a_farm(api)

    assert {"gra": 3} == balancers.list_pending_changes(api, BALANCER)
    assert {} == live(cloud)
    assert [()] == [server.states for server in farms.list_servers(api, BALANCER, balancers.TCP, farm.id)]
    refreshed(api)
    assert {} == balancers.list_pending_changes(api, BALANCER)
    assert [("UP",)] == [server.states for server in farms.list_servers(api, BALANCER, balancers.TCP, farm.id)]
    assert [1, 1, 1] == [len(items) for items in live(cloud).values()]
    assert [0, 0, 0] == [len(items) for items in live(cloud, "sbg").values()]


def test_a_change_in_place_waits_too(cloud: Cloud) -> None:
    """A server that is changed, or removed, works as before until the next refresh."""
    api = cloud.api()
    add_ip_load_balancer(cloud)
    farm = a_farm(api)
    refreshed(api)
    (server,) = farms.list_servers(api, BALANCER, balancers.TCP, farm.id)

    changed = farms.NewServer("worker-1", WORKER.address, weight=5, is_active=False)
    farms.change_server(api, BALANCER, balancers.TCP, farm.id, server.id, changed)

    assert [changed] == [item.wanted for item in farms.list_servers(api, BALANCER, balancers.TCP, farm.id)]
    assert ["active"] == [item["fields"]["status"] for item in live(cloud)["servers"]]
    farms.delete_server(api, BALANCER, balancers.TCP, farm.id, server.id)
    assert {"gra": 2} == balancers.list_pending_changes(api, BALANCER)
    assert 1 == len(live(cloud)["servers"])
    refreshed(api)
    assert [] == live(cloud)["servers"]


def test_refresh_of_one_zone(cloud: Cloud) -> None:
    """What is in all zones is pending in each of them, and a refresh of one leaves the other."""
    api = cloud.api()
    add_ip_load_balancer(cloud)
    farms.create_farm(api, BALANCER, balancers.HTTP, farms.NewFarm("all", balancers.ALL_ZONES, 80))

    task = balancers.refresh(api, BALANCER, "sbg")

    until(lambda: balancers.is_task_done(api, task))
    assert {"gra": 1} == balancers.list_pending_changes(api, BALANCER)
    assert [{}, 1] == [live(cloud), len(live(cloud, "sbg")["farms"])]


def test_refresh_that_fails(cloud: Cloud) -> None:
    """A failed refresh is an error, and the changes are still pending; one that is under way is listed."""
    api = cloud.api()
    add_ip_load_balancer(cloud)
    a_farm(api)
    cloud.fault("in-error", "POST", "*/refresh")

    failing = balancers.refresh(api, BALANCER)

    with pytest.raises(OvhError, match=r"refreshIplb.* ended as error"):
        until(lambda: balancers.is_task_done(api, failing))
    assert ({"gra": 3}, {}) == (balancers.list_pending_changes(api, BALANCER), live(cloud))
    cloud.fault("slow", "POST", "*/refresh", seconds=0.4)
    task = balancers.refresh(api, BALANCER)
    assert (task.id,) == balancers.list_running_refreshes(api, BALANCER)
    until(lambda: balancers.is_task_done(api, task))
    assert () == balancers.list_running_refreshes(api, BALANCER)


def test_service(cloud: Cloud) -> None:
    """A service has a public address and zones, takes a name, and says from where it connects."""
    api = cloud.api()
    add_ip_load_balancer(cloud)

    balancers.rename_ip_load_balancer(api, BALANCER, "koprogo")

    assert (BALANCER,) == balancers.list_ip_load_balancers(api)
    service = balancers.get_ip_load_balancer(api, BALANCER)
    assert ("koprogo", IPv4Address("198.51.100.9"), ("gra", "sbg"), None) == (
        service.display_name,
        service.ipv4,
        service.zones,
        service.vrack_id,
    )
    assert {} == balancers.list_pending_changes(api, BALANCER)
    assert 2 == len(balancers.list_nat_ips(api, BALANCER))


@pytest.mark.parametrize("kind", [balancers.TCP, balancers.HTTP])
def test_farm_and_frontend_come_back_as_wanted(cloud: Cloud, kind: str) -> None:
    """What is created or changed is read back equal, the probe of HTTP with its path and statuses too."""
    api = cloud.api()
    add_ip_load_balancer(cloud)
    wanted = farms.NewFarm("f", "gra", 30080, farms.LEAST_CONNECTIONS, farms.Probe("http", 60, "/healthz", "200,204"))

    farm = farms.create_farm(api, BALANCER, kind, FARM)
    farms.change_farm(api, BALANCER, kind, farm.id, wanted)
    server = farms.create_server(api, BALANCER, kind, farm.id, WORKER)
    allowed = (IPv4Network("192.0.2.0/24"),)
    frontend = frontends.create_frontend(api, BALANCER, kind, frontends.NewFrontend("x", "gra", "80", farm.id))
    changed = frontends.NewFrontend("y", "sbg", "80,443", farm.id, allowed, is_disabled=True)
    frontends.change_frontend(api, BALANCER, kind, frontend.id, changed)

    assert (FARM, WORKER) == (farm.wanted, server.wanted)
    assert [wanted] == [item.wanted for item in farms.list_farms(api, BALANCER, kind)]
    assert [changed] == [item.wanted for item in frontends.list_frontends(api, BALANCER, kind)]
    assert () == frontends.list_frontends(api, BALANCER, kind, "gra")


def test_in_a_vrack(cloud: Cloud) -> None:
    """In a vRack, a farm's servers are in a private network that the service is told; it stays while a farm uses it."""
    api = cloud.api()
    add_ip_load_balancer(cloud)
    subnet, nat_ip = IPv4Network("10.0.0.0/24"), IPv4Network("10.0.0.248/29")
    with pytest.raises(OvhError, match="not in a vRack"):
        balancers.create_network(api, BALANCER, "vrack", subnet=subnet, nat_ip=nat_ip)
    task = vracks.attach_ip_load_balancer(api, "pn-000001", BALANCER)
    until(lambda: vracks.is_task_done(api, task))
    assert "pn-000001" == balancers.get_ip_load_balancer(api, BALANCER).vrack_id

    network = balancers.create_network(api, BALANCER, "vrack", subnet=subnet, nat_ip=nat_ip, vlan=42)

    farm = farms.create_farm(api, BALANCER, balancers.TCP, farms.NewFarm("f", "gra", 443, network_id=network.id))
    other = farms.create_farm(api, BALANCER, balancers.TCP, farms.NewFarm("g", "gra", 80))
    assert [(farm.id,)] == [item.farm_ids for item in balancers.list_networks(api, BALANCER)]
    with pytest.raises(OvhConflict, match="used by a farm"):
        balancers.delete_network(api, BALANCER, network.id)
    balancers.change_farms_of_network(api, BALANCER, network.id, [other.id])
    wanted = {item.id: item.wanted.network_id for item in farms.list_farms(api, BALANCER, balancers.TCP)}
    assert {farm.id: None, other.id: network.id} == wanted
    balancers.change_farms_of_network(api, BALANCER, network.id, [])
    balancers.delete_network(api, BALANCER, network.id)
    assert () == balancers.list_networks(api, BALANCER)
    with pytest.raises(OvhError, match="natIp must be a block"):
        balancers.create_network(api, BALANCER, "x", subnet=subnet, nat_ip=IPv4Network("10.1.0.0/29"))


def test_deleted_in_order(cloud: Cloud) -> None:
    """A farm waits for the frontend that leads to it, and takes its servers with it."""
    api = cloud.api()
    add_ip_load_balancer(cloud)
    farm = a_farm(api)
    (frontend,) = frontends.list_frontends(api, BALANCER, balancers.TCP)

    with pytest.raises(OvhConflict, match="used by a frontend"):
        farms.delete_farm(api, BALANCER, balancers.TCP, farm.id)
    frontends.delete_frontend(api, BALANCER, balancers.TCP, frontend.id)
    farms.delete_farm(api, BALANCER, balancers.TCP, farm.id)

    assert () == farms.list_farms(api, BALANCER, balancers.TCP)
    with cloud.state.look() as data:
        assert {} == data["ip_load_balancers"][BALANCER]["servers"]


def test_what_the_service_refuses(cloud: Cloud) -> None:
    """A zone that it lacks, a port that is taken, a farm of the other kind and both lists of sources are refused."""
    api = cloud.api()
    add_ip_load_balancer(cloud)
    farm = a_farm(api)

    with pytest.raises(OvhError, match="Zone rbx"):
        farms.create_farm(api, BALANCER, balancers.TCP, farms.NewFarm("x", "rbx", 80))
    with pytest.raises(OvhConflict, match="Port 443 is already used"):
        frontends.create_frontend(api, BALANCER, balancers.TCP, frontends.NewFrontend("x", "gra", "443"))
    with pytest.raises(OvhError, match=f"Farm {farm.id} not found"):
        frontends.create_frontend(api, BALANCER, balancers.HTTP, frontends.NewFrontend("x", "gra", "80", farm.id))
    sources = {"allowedSource": ["192.0.2.0/24"], "deniedSource": ["192.0.2.0/24"]}
    with pytest.raises(OvhError, match="both at the same time"):
        api.post(f"/ipLoadbalancing/{BALANCER}/tcp/frontend", {"zone": "gra", "port": "81", **sources})
