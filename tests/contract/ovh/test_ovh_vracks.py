"""Our adapter of vRacks and dedicated servers against the emulator."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

import pytest
import requests
from emulated_cloud import Cloud, until
from network_scene import BALANCER, REGION, SERVER, VRACK_MAC, add_ip_load_balancer, add_server

from koprogo_fleet.core.errors import OvhConflict, OvhError, OvhNotFound
from koprogo_fleet.lab.ovh_api import owned
from koprogo_fleet.ovh import dedicated_servers, load_balancers, networks, vracks

VRACK = "pn-000001"


def test_project_in_a_vrack(cloud: Cloud) -> None:
    """The project is detached and attached by tasks; outside of a vRack it can have no private network."""
    api = cloud.api()
    assert VRACK == vracks.find_vrack_of_project(api)

    task = vracks.detach_project(api, VRACK)

    until(lambda: vracks.is_task_done(api, task))
    assert (None, ()) == (vracks.find_vrack_of_project(api), vracks.list_projects(api, VRACK))
    with pytest.raises(OvhError, match="not attached to a vRack"):
        networks.create_private_network(api, "vrack", 42, REGION)
    again = vracks.attach_project(api, VRACK)
    until(lambda: vracks.is_task_done(api, again))
    assert (api.project,) == vracks.list_projects(api, VRACK)


def test_task_not_found_is_done(cloud: Cloud) -> None:
    """A task that OVH has purged is done; before, it is not."""
    api = cloud.api()
    cloud.fault("slow", "DELETE", "/vrack/*", seconds=0.4)

    task = vracks.detach_project(api, VRACK)

    assert not vracks.is_task_done(api, task)
    until(lambda: vracks.is_task_done(api, task))
    with pytest.raises(OvhNotFound):
        api.get(f"/vrack/{VRACK}/task/{task.id}")


def test_task_cancelled(cloud: Cloud) -> None:
    """A cancelled task is an error that names it, and nothing has changed."""
    api = cloud.api()
    cloud.fault("in-error", "DELETE", "/vrack/*")
    task = vracks.detach_project(api, VRACK)

    with pytest.raises(OvhError, match=f"task {task.id} .* was cancelled"):
        until(lambda: vracks.is_task_done(api, task))

    assert (api.project,) == vracks.list_projects(api, VRACK)


def test_attached_twice(cloud: Cloud) -> None:
    """What is in a vRack is refused by any vRack; so is a second task for the same thing, and what does not exist."""
    api = cloud.api()
    owned.add_vrack(cloud.state, "pn-000002")

    with pytest.raises(OvhConflict, match="already attached to vRack pn-000001"):
        vracks.attach_project(api, "pn-000002")
    cloud.fault("slow", "DELETE", "/vrack/*", seconds=0.3)
    vracks.detach_project(api, VRACK)
    with pytest.raises(OvhConflict, match="already pending"):
        vracks.detach_project(api, VRACK)
    with pytest.raises(OvhError, match="does not exist"):
        vracks.attach_server(api, VRACK, SERVER)


def test_dedicated_server_by_its_interface(cloud: Cloud) -> None:
    """A server's vRack interface is known by its MAC address, attached, listed with its server, and detached."""
    api = cloud.api()
    add_server(cloud)
    assert (SERVER,) == dedicated_servers.list_servers(api)
    server = dedicated_servers.get_server(api, SERVER)
    assert (IPv4Address("198.51.100.7"), "gra2", dedicated_servers.OK) == (server.ip, server.datacenter, server.state)
    (interface,) = dedicated_servers.list_interfaces(api, SERVER, dedicated_servers.VRACK)
    assert ((VRACK_MAC,), None) == (interface.macs, interface.vrack_id)

    task = vracks.attach_interface(api, VRACK, interface.uuid)

    until(lambda: vracks.is_task_done(api, task))
    assert [(SERVER, interface.uuid)] == [(item.server, item.uuid) for item in vracks.list_interfaces(api, VRACK)]
    assert (VRACK,) == dedicated_servers.list_vracks_of(api, SERVER)
    nics = dedicated_servers.list_nics(api, SERVER)
    assert {"0c:42:a1:00:00:01": "public", VRACK_MAC: "private"} == {nic.mac: nic.link_type for nic in nics}
    assert [None, VRACK] == [item.vrack_id for item in dedicated_servers.list_interfaces(api, SERVER)]
    task = vracks.detach_interface(api, VRACK, interface.uuid)
    until(lambda: vracks.is_task_done(api, task))
    assert () == dedicated_servers.list_vracks_of(api, SERVER)


def test_old_dedicated_server(cloud: Cloud) -> None:
    """A server of the old kind is attached as a whole."""
    api = cloud.api()
    add_server(cloud, is_legacy=True)

    task = vracks.attach_server(api, VRACK, SERVER)

    until(lambda: vracks.is_task_done(api, task))
    assert (SERVER,) == vracks.list_servers(api, VRACK)
    task = vracks.detach_server(api, VRACK, SERVER)
    until(lambda: vracks.list_servers(api, VRACK) == ())


def test_ip_load_balancer_in_a_vrack(cloud: Cloud) -> None:
    """An IP Load Balancer is attached and detached."""
    api = cloud.api()
    add_ip_load_balancer(cloud)

    vracks.attach_ip_load_balancer(api, VRACK, BALANCER)

    until(lambda: vracks.list_ip_load_balancers(api, VRACK) == (BALANCER,))
    vracks.detach_ip_load_balancer(api, VRACK, BALANCER)
    until(lambda: vracks.list_ip_load_balancers(api, VRACK) == ())


def test_reboot(cloud: Cloud) -> None:
    """A reboot is a task of the server; one that fails is an error with OVH's word."""
    api = cloud.api()
    add_server(cloud)

    task = dedicated_servers.reboot_server(api, SERVER)

    until(lambda: dedicated_servers.is_task_done(api, task))
    cloud.fault("in-error", "POST", "*/reboot")
    failing = dedicated_servers.reboot_server(api, SERVER)
    with pytest.raises(OvhError, match=r"hardReboot.* ended as ovhError"):
        until(lambda: dedicated_servers.is_task_done(api, failing))


def test_services_are_added_over_http(cloud: Cloud) -> None:
    """A test gives the account a server, a vRack or an IP Load Balancer from this machine; a wrong one is refused."""
    url = cloud.url.replace("/1.0", "/lab/services")
    server = {"kind": "dedicated-server", "name": SERVER, "ip": "198.51.100.7", "public_mac": "a", "vrack_mac": "b"}

    statuses = [
        requests.post(url, json=body, timeout=60).status_code
        for body in (server, server, {"kind": "vrack", "name": "pn-2"}, {"kind": "vrack"}, {"kind": "yacht"})
    ]

    assert [200, 409, 200, 400, 400] == statuses
    assert (SERVER,) == dedicated_servers.list_servers(cloud.api())
    assert (VRACK, "pn-2") == vracks.list_vracks(cloud.api())
    vracks.change_vrack(cloud.api(), "pn-2", "koprogo", "")
    assert "koprogo" == vracks.get_vrack(cloud.api(), "pn-2").name


def test_a_killed_task_goes_on(cloud: Cloud) -> None:
    """A task that was under way when the emulator was killed is done by the next one."""
    api = cloud.api()
    cloud.fault("slow", "DELETE", "/vrack/*", seconds=0.5)
    task = vracks.detach_project(api, VRACK)
    killed = (cloud.folder / "ovh.json").read_bytes()  # as kill -9 leaves it
    cloud.stop()
    (cloud.folder / "ovh.json").write_bytes(killed)

    cloud.start()

    until(lambda: vracks.is_task_done(api, task))
    assert vracks.find_vrack_of_project(api) is None


def test_a_state_of_before(cloud: Cloud) -> None:
    """An emulator takes up a state that was saved when it knew of no vRack, and of no load balancer."""
    api = cloud.api()
    network = networks.create_private_network(api, "vrack", 42, REGION)
    until(lambda: networks.get_private_network(api, network.id).is_active_in(REGION))
    cloud.stop()
    file = cloud.folder / "ovh.json"
    known = ("keys", "port", "faults", "ssh_keys", "networks", "subnets", "groups", "instances", "volumes")
    saved = {name: value for name, value in json.loads(file.read_text()).items() if name in known}
    del saved["networks"][network.id]["building"]
    file.write_text(json.dumps(saved))

    cloud.start()

    assert VRACK == vracks.find_vrack_of_project(api)
    assert networks.get_private_network(api, network.id).is_active_in(REGION)
    assert () == load_balancers.list_load_balancers(api, REGION)
