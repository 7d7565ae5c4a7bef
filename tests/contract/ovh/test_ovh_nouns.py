"""Every noun of the adapter against the emulator, and the emulator's own promises."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from emulated_cloud import Cloud, until

from koprogo_fleet.core.errors import InputError, OvhConflict, OvhError, OvhNotFound
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh import catalogue, groups, instances, networks, ssh_keys, volumes
from koprogo_fleet.ovh.client import OvhApi

REGION = "GRA11"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0V someone"


def a_network(api: OvhApi) -> networks.PrivateNetwork:
    """Return an active private network with a subnet."""
    network = networks.create_private_network(api, "vrack", 42, REGION)
    until(lambda: networks.get_private_network(api, network.id).is_active_in(REGION))
    networks.create_subnet(api, network.id, IPv4Network("10.0.0.0/24"), REGION)
    return networks.get_private_network(api, network.id)


def a_new_instance(api: OvhApi, name: str = "cp-1", ip: str = "10.0.0.11") -> instances.NewInstance:
    """Return what an instance on both networks is created from."""
    network = networks.list_private_networks(api)[0] if networks.list_private_networks(api) else a_network(api)
    keys = ssh_keys.list_ssh_keys(api) or (ssh_keys.create_ssh_key(api, "koprogo", KEY),)
    return instances.NewInstance(
        name=name,
        region=REGION,
        flavor_id=catalogue.find("flavor", "b2-15", catalogue.list_flavors(api, REGION), REGION).id,
        image_id=catalogue.find("image", "Debian 12", catalogue.list_images(api, REGION), REGION).id,
        ssh_key_id=keys[0].id,
        user_data=Secret("#cloud-config\n{}"),
        ports=(
            instances.NetworkPort(networks.public_network_in(networks.list_public_networks(api), REGION)),
            instances.NetworkPort(network.openstack_id_in(REGION), IPv4Address(ip)),
        ),
    )


def an_active_instance(cloud: Cloud, api: OvhApi) -> instances.Instance:
    """Return an instance that runs."""
    created = instances.create_instance(api, a_new_instance(api))
    until(lambda: instances.get_instance(api, created.id).status == "ACTIVE")
    assert created.id in cloud.machines.running
    return instances.get_instance(api, created.id)


def test_ssh_key(cloud: Cloud) -> None:
    """A key is created, listed, refused under the same name again, and deleted."""
    api = cloud.api()

    key = ssh_keys.create_ssh_key(api, "koprogo", KEY)

    assert (KEY, ("GRA11", "SBG5")) == (key.public_key, key.regions)
    with pytest.raises(OvhConflict, match="already exists"):
        ssh_keys.create_ssh_key(api, "koprogo", KEY)
    ssh_keys.delete_ssh_key(api, key.id)
    assert () == ssh_keys.list_ssh_keys(api)


def test_network(cloud: Cloud) -> None:
    """A network is built in the background; its subnet has neither gateway nor DHCP; both can be removed."""
    api = cloud.api()

    network = a_network(api)

    assert ("pn-000001_42", 42) == (network.id, network.vlan_id)
    assert {network.id} == cloud.machines.networks
    (subnet,) = networks.list_subnets(api, network.id)
    assert (IPv4Network("10.0.0.0/24"), None, False) == (subnet.cidr, subnet.gateway, subnet.dhcp)
    networks.delete_private_network(api, network.id)
    until(lambda: networks.list_private_networks(api) == ())
    assert set() == cloud.machines.networks


def test_network_is_not_used_before_it_is_active(cloud: Cloud) -> None:
    """While a network is BUILDING it has no OpenStack id to connect to."""
    network = networks.create_private_network(cloud.api(), "vrack", 42, REGION)

    assert "BUILDING" == network.status
    with pytest.raises(OvhNotFound, match="not ready"):
        network.openstack_id_in(REGION)


def test_network_in_use(cloud: Cloud) -> None:
    """A network with an instance in it cannot be deleted."""
    api = cloud.api()
    an_active_instance(cloud, api)

    with pytest.raises(OvhError, match="ports in use"):
        networks.delete_private_network(api, "pn-000001_42")


def test_instance(cloud: Cloud) -> None:
    """An instance is in BUILD without addresses, then ACTIVE with both; list and detail read the same."""
    api = cloud.api()

    created = instances.create_instance(api, a_new_instance(api))

    assert ("BUILD", ()) == (created.status, created.addresses)
    until(lambda: instances.get_instance(api, created.id).status == "ACTIVE")
    detail = instances.get_instance(api, created.id)
    assert (detail,) == instances.list_instances(api, REGION)
    assert () == instances.list_instances(api, "SBG5")
    assert (IPv4Address("198.18.7.2"), IPv4Address("10.0.0.11")) == (detail.public_ipv4, detail.private_ipv4)
    machine = cloud.machines.machines[created.id]
    assert ("cp-1", "#cloud-config\n{}", (KEY,)) == (machine.name, machine.user_data, machine.authorized_keys)
    assert [nic.mac for nic in instances.list_interfaces(api, created.id)] == [port.mac for port in machine.ports]
    assert [IPv4Address("198.18.7.1"), None] == [port.gateway for port in machine.ports]


def test_instance_power(cloud: Cloud) -> None:
    """Stop, start and both reboots go through the machine; what the state forbids is a conflict."""
    api = cloud.api()
    instance = an_active_instance(cloud, api)

    instances.stop_instance(api, instance.id)
    until(lambda: instances.get_instance(api, instance.id).status == "SHUTOFF")
    assert instance.id not in cloud.machines.running
    with pytest.raises(OvhConflict, match="SHUTOFF"):
        instances.stop_instance(api, instance.id)
    instances.start_instance(api, instance.id)
    until(lambda: instances.get_instance(api, instance.id).status == "ACTIVE")
    for hard in (False, True):
        instances.reboot_instance(api, instance.id, hard=hard)
        until(lambda: instances.get_instance(api, instance.id).status == "ACTIVE")
    assert instance.id in cloud.machines.running


def test_crashed_machine_shows(cloud: Cloud) -> None:
    """An instance whose machine died is SHUTOFF, and can be started."""
    api = cloud.api()
    instance = an_active_instance(cloud, api)
    cloud.machines.stop(instance.id)

    assert "SHUTOFF" == instances.list_instances(api)[0].status
    instances.start_instance(api, instance.id)
    until(lambda: instances.list_instances(api)[0].status == "ACTIVE")


def test_instance_deleted(cloud: Cloud) -> None:
    """A deleted instance is gone, with its machine; its address is free again, its volume available."""
    api = cloud.api()
    instance = an_active_instance(cloud, api)
    volume = volumes.create_volume(api, "data", REGION, 10, "classic")
    until(lambda: volumes.get_volume(api, volume.id).status == "available")
    volumes.attach_volume(api, volume.id, instance.id)
    until(lambda: volumes.get_volume(api, volume.id).status == "in-use")

    instances.delete_instance(api, instance.id)

    until(lambda: instances.list_instances(api) == ())
    assert {} == cloud.machines.machines
    assert ("available", ()) == (
        volumes.get_volume(api, volume.id).status,
        volumes.get_volume(api, volume.id).attached_to,
    )
    an_active_instance(cloud, api)


@pytest.mark.parametrize(
    ("ip", "message"), [("10.0.0.11", "already in use"), ("10.1.0.11", "not in subnet"), ("10.0.0.300", "Invalid")]
)
def test_address_refused(cloud: Cloud, ip: str, message: str) -> None:
    """An address that is taken, outside the subnet, or no address, gives 400."""
    api = cloud.api()
    an_active_instance(cloud, api)
    body = {
        "name": "b",
        "region": REGION,
        "flavorId": catalogue.list_flavors(api, REGION)[0].id,
        "imageId": catalogue.list_images(api, REGION)[0].id,
        "networks": [{"networkId": "pn-000001_42", "ip": ip}],
    }

    with pytest.raises(OvhError, match=message) as caught:
        api.post(api.in_project("/instance"), body)

    assert 400 == caught.value.status
    assert 1 == len(instances.list_instances(api))


def test_flavor_of_another_region(cloud: Cloud) -> None:
    """A flavor id of another region does not exist in this one."""
    api = cloud.api()
    ours = {flavor.id for flavor in catalogue.list_flavors(api, REGION)}
    theirs = {flavor.id for flavor in catalogue.list_flavors(api, "SBG5")}

    assert not ours & theirs


def test_catalogue(cloud: Cloud) -> None:
    """Linux flavors only, with their size; a name that does not exist suggests the close ones."""
    flavors = catalogue.list_flavors(cloud.api(), REGION)

    found = catalogue.find("flavor", "b2-30", flavors, REGION)
    assert (8, 30, 200, True) == (found.vcpus, found.ram_gb, found.disk_gb, found.available)
    assert len(flavors) == len({flavor.name for flavor in flavors})
    with pytest.raises(InputError, match="no flavor named b2-31") as caught:
        catalogue.find("flavor", "b2-31", flavors, REGION)
    assert "b2-30" in (caught.value.cause or "")


def test_unknown_region(cloud: Cloud) -> None:
    """An unknown region is refused in OVH's words."""
    with pytest.raises(OvhError, match="Region XX9 not found"):
        catalogue.list_flavors(cloud.api(), "XX9")


def test_group(cloud: Cloud) -> None:
    """An instance created in a group is its member."""
    api = cloud.api()
    group = groups.create_anti_affinity_group(api, "koprogo-cp", REGION)
    new = a_new_instance(api)

    created = instances.create_instance(api, instances.NewInstance(**{**vars(new), "group_id": group.id}))

    assert (created.id,) == groups.list_groups(api, REGION)[0].instance_ids
    until(lambda: instances.get_instance(api, created.id).status == "ACTIVE")
    groups.delete_group(api, group.id)
    assert () == groups.list_groups(api)


def test_volume(cloud: Cloud) -> None:
    """A volume is created, attached, detached and deleted, each in the background."""
    api = cloud.api()
    instance = an_active_instance(cloud, api)
    volume = volumes.create_volume(api, "data", REGION, 200, "high-speed")
    assert ("creating", 200, "high-speed") == (volume.status, volume.size_gb, volume.type)
    until(lambda: volumes.get_volume(api, volume.id).status == "available")

    assert "attaching" == volumes.attach_volume(api, volume.id, instance.id).status

    until(lambda: volumes.get_volume(api, volume.id).status == "in-use")
    assert {volume.id: instance.id} == cloud.machines.attached
    with pytest.raises(OvhError, match="must be available"):
        volumes.delete_volume(api, volume.id)
    volumes.detach_volume(api, volume.id, instance.id)
    until(lambda: volumes.get_volume(api, volume.id).status == "available")
    volumes.delete_volume(api, volume.id)
    until(lambda: volumes.list_volumes(api) == ())


def test_restart_loses_nothing(cloud: Cloud) -> None:
    """Killed and started again, the emulator has the same port, keys and objects, and ends what was under way."""
    api = cloud.api()
    cloud.machines.boot_seconds = 0.3
    created = instances.create_instance(api, a_new_instance(api))
    (cloud.folder / "ovh.json.killed").write_bytes((cloud.folder / "ovh.json").read_bytes())  # as kill -9 leaves it
    cloud.stop()
    (cloud.folder / "ovh.json.killed").replace(cloud.folder / "ovh.json")
    before = cloud.url

    cloud.start()

    assert before == cloud.url
    until(lambda: instances.get_instance(api, created.id).status == "ACTIVE")


def test_restart_boots_what_should_run(cloud: Cloud) -> None:
    """After a reboot of the host, an instance that was ACTIVE runs again."""
    api = cloud.api()
    instance = an_active_instance(cloud, api)
    cloud.stop()
    cloud.machines.running.clear()
    cloud.machines.networks.clear()

    cloud.start()

    until(lambda: instance.id in cloud.machines.running)
    assert {"pn-000001_42"} == cloud.machines.networks


def test_state_is_private(cloud: Cloud) -> None:
    """The state and the log, which see user data and paths, are readable by their owner alone."""
    cloud.api().get("/me")

    assert [0o600, 0o600] == [
        (cloud.folder / name).stat().st_mode & 0o777 for name in ("ovh.json", "ovh-requests.jsonl")
    ]
