"""Our adapters of networks in several regions, gateways, floating IPs and operations against the emulator."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from emulated_cloud import Cloud, until
from network_scene import CIDR, POOL, REGION, a_gateway, a_place, done

from koprogo_fleet.core.errors import OvhConflict, OvhError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh import catalogue, floating_ips, gateways, instances, networks, operations
from koprogo_fleet.ovh.client import OvhApi

SECOND = "SBG5"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0V someone"


def an_instance(api: OvhApi, openstack_id: str, ip: str, region: str = REGION) -> instances.Instance:
    """Return an instance that runs, in the private network alone."""
    new = instances.NewInstance(
        name="worker-1",
        region=region,
        flavor_id=catalogue.find("flavor", "b2-7", catalogue.list_flavors(api, region), region).id,
        image_id=catalogue.list_images(api, region)[0].id,
        ssh_key_id=api.post(api.in_project("/sshkey"), {"name": f"k{ip}", "publicKey": KEY})["id"],
        user_data=Secret(""),
        ports=(instances.NetworkPort(openstack_id, IPv4Address(ip)),),
    )
    created = instances.create_instance(api, new)
    until(lambda: instances.get_instance(api, created.id).status == instances.ACTIVE)
    return created


def test_network_in_a_second_region(cloud: Cloud) -> None:
    """A network is activated in a region, where it has its own id and subnet, and is taken out of it again."""
    api = cloud.api()
    place = a_place(api)

    activated = networks.activate_region(api, place.network.id, SECOND)

    assert (True, False) == (activated.is_active_in(REGION), activated.is_active_in(SECOND))
    until(lambda: networks.get_private_network(api, place.network.id).is_active_in(SECOND))
    second = networks.get_private_network(api, place.network.id).openstack_id_in(SECOND)
    assert second != place.openstack_id
    pool = (IPv4Address("10.0.0.100"), IPv4Address("10.0.0.150"))
    subnet = networks.create_subnet(api, place.network.id, CIDR, SECOND, pool=pool)
    assert [REGION, SECOND] == [item.region for item in networks.list_subnets(api, place.network.id)]
    instance = an_instance(api, second, "10.0.0.101", SECOND)
    with pytest.raises(OvhError, match="ports in use"):
        networks.deactivate_region(api, SECOND, second)
    instances.delete_instance(api, instance.id)
    until(lambda: instances.list_instances(api) == ())
    networks.deactivate_region(api, SECOND, second)
    assert [place.subnet_id] == [item.id for item in networks.list_subnets(api, place.network.id)]
    assert networks.get_private_network(api, place.network.id).in_region(SECOND) is None
    assert subnet.region == SECOND


def test_region_activated_twice(cloud: Cloud) -> None:
    """A region that is active is refused in OVH's words."""
    place = a_place(cloud.api())

    with pytest.raises(OvhError, match="already activated"):
        networks.activate_region(cloud.api(), place.network.id, REGION)


def test_subnet_deleted_and_network_renamed(cloud: Cloud) -> None:
    """A subnet that nothing uses is deleted alone; the network takes another name."""
    api = cloud.api()
    place = a_place(api, with_gateway=False)

    networks.delete_subnet(api, place.network.id, place.subnet_id)
    networks.rename_private_network(api, place.network.id, "koprogo")

    assert () == networks.list_subnets(api, place.network.id)
    assert "koprogo" == networks.get_private_network(api, place.network.id).name


def test_gateway(cloud: Cloud) -> None:
    """A gateway is building, then active with a public address; it grows in place, and is deleted by an operation."""
    api = cloud.api()
    place = a_place(api)
    cloud.fault("slow", "POST", "*/gateway", seconds=0.4)

    operation = gateways.create_gateway(api, REGION, place.openstack_id, place.subnet_id, "koprogo", "s")

    (building,) = gateways.list_gateways(api, REGION)
    assert ("building", (), ()) == (building.status, building.subnet_ids, building.public_ips)
    done(api, operation)
    (gateway,) = gateways.list_gateways(api, REGION, place.subnet_id)
    assert ("active", (place.subnet_id,), 1) == (gateway.status, gateway.subnet_ids, len(gateway.public_ips))
    assert gateway.id == operation.made(gateways.CREATED)
    assert () == gateways.list_gateways(api, SECOND)
    assert "m" == gateways.change_gateway(api, REGION, gateway.id, "koprogo", "m").model
    with pytest.raises(OvhConflict, match="already has a gateway"):
        gateways.create_gateway(api, REGION, place.openstack_id, place.subnet_id, "second", "s")
    done(api, gateways.delete_gateway(api, REGION, gateway.id))
    assert () == gateways.list_gateways(api, REGION)


def test_gateway_with_its_network(cloud: Cloud) -> None:
    """A network, its subnet and its gateway are one operation, whose parts say what is what."""
    api = cloud.api()

    operation = gateways.create_network_with_gateway(api, REGION, "koprogo", 42, CIDR, "l")

    operation = done(api, operation)
    (network,) = networks.list_private_networks(api)
    until(lambda: networks.get_private_network(api, network.id).is_active_in(REGION))
    network = networks.get_private_network(api, network.id)
    (subnet,) = networks.list_subnets(api, network.id)
    (gateway,) = gateways.list_gateways(api, REGION)
    assert (operation.made(gateways.NETWORK_CREATED), operation.made(gateways.CREATED)) == (
        network.openstack_id_in(REGION),
        gateway.id,
    )
    assert (CIDR, IPv4Address("10.0.0.1"), "l") == (subnet.cidr, subnet.gateway, gateway.model)


def test_gateway_needs_an_address(cloud: Cloud) -> None:
    """A subnet without a gateway address takes no gateway, and a model that OVH does not have is refused."""
    api = cloud.api()
    without, place = a_place(api, 1, with_gateway=False), a_place(api, 2)

    with pytest.raises(OvhError, match="has no gateway IP"):
        gateways.create_gateway(api, REGION, without.openstack_id, without.subnet_id, "koprogo", "s")
    with pytest.raises(OvhError, match="Invalid gateway model tiny"):
        gateways.create_gateway(api, REGION, place.openstack_id, place.subnet_id, "koprogo", "tiny")

    assert () == gateways.list_gateways(api, REGION)


def test_more_gateways_than_a_page(cloud: Cloud) -> None:
    """All gateways are listed, though OVH gives no more than 50 at once."""
    api = cloud.api()
    with cloud.state.change() as data:
        for number in range(120):
            record = {"name": f"g{number}", "region": REGION, "model": "s", "status": "building"}
            data["gateways"][str(number)] = {"id": str(number), "external_ip": None, "interfaces": [], **record}

    assert [f"g{number}" for number in range(120)] == [item.name for item in gateways.list_gateways(api, REGION)]
    assert 3 == sum(entry["path"].endswith("/gateway") for entry in cloud.requests("GET"))


def test_operation_in_error(cloud: Cloud) -> None:
    """An operation that fails says so, and leaves a gateway in error that can be deleted."""
    api = cloud.api()
    place = a_place(api)
    cloud.fault("in-error", "POST", "*/gateway")

    operation = gateways.create_gateway(api, REGION, place.openstack_id, place.subnet_id, "koprogo", "s")

    until(lambda: operations.get_operation(api, operation.id).status in operations.FAILED)
    (gateway,) = gateways.list_gateways(api, REGION)
    assert gateways.ERROR == gateway.status
    done(api, gateways.delete_gateway(api, REGION, gateway.id))
    assert 2 == len(operations.list_operations(api))


def test_operation_under_way(cloud: Cloud) -> None:
    """An operation that never ends stays pending, also after a restart."""
    api = cloud.api()
    place = a_place(api)
    cloud.fault("never-done", "POST", "*/gateway")
    operation = gateways.create_gateway(api, REGION, place.openstack_id, place.subnet_id, "koprogo", "s")
    cloud.stop()

    cloud.start()

    assert operations.get_operation(api, operation.id).status in operations.PENDING
    assert gateways.BUILDING == gateways.list_gateways(api, REGION)[0].status


def test_the_answer_may_be_an_id_alone() -> None:
    """An operation of which only the id is known is pending, and has made nothing that is known."""
    operation = operations.operation_from({"id": "operation-12345"})

    assert operation.status in operations.PENDING
    assert operation.made(gateways.CREATED) is None


def test_floating_ip_of_an_instance(cloud: Cloud) -> None:
    """A floating IP is created on an instance, detached, attached again, and given back."""
    api = cloud.api()
    place = a_place(api)
    gateway = a_gateway(api, place)
    instance = an_instance(api, place.openstack_id, "10.0.0.21")
    address = IPv4Address("10.0.0.21")

    operation = done(api, floating_ips.create_on_instance(api, REGION, instance.id, address))

    (floating,) = floating_ips.list_floating_ips(api, REGION)
    assert (operation.resource_id, floating_ips.ACTIVE) == (floating.id, floating.status)
    assert (instance.id, floating_ips.INSTANCE, address, gateway.id) == (
        floating.entity_id,
        floating.entity_type,
        floating.private_ip,
        floating.gateway_id,
    )
    with pytest.raises(OvhConflict, match="is used by a floating IP"):
        gateways.delete_gateway(api, REGION, gateway.id)
    floating_ips.detach_floating_ip(api, REGION, floating.id)
    detached = floating_ips.get_floating_ip(api, REGION, floating.id)
    assert (floating_ips.DOWN, None, floating.ip) == (detached.status, detached.entity_id, detached.ip)
    done(api, floating_ips.attach_to_instance(api, REGION, instance.id, address, floating.id))
    assert floating == floating_ips.get_floating_ip(api, REGION, floating.id)
    floating_ips.delete_floating_ip(api, REGION, floating.id)
    assert () == floating_ips.list_floating_ips(api, REGION)


def test_floating_ip_outlives_its_instance(cloud: Cloud) -> None:
    """The floating IP of an instance that is deleted stays, leads nowhere, and still counts."""
    api = cloud.api()
    place = a_place(api)
    instance = an_instance(api, place.openstack_id, "10.0.0.21")
    new = floating_ips.NewGateway("koprogo", "s")
    done(api, floating_ips.create_on_instance(api, REGION, instance.id, IPv4Address("10.0.0.21"), new))

    instances.delete_instance(api, instance.id)

    until(lambda: instances.list_instances(api) == ())
    (floating,) = floating_ips.list_floating_ips(api, REGION)
    assert (floating_ips.DOWN, None) == (floating.status, floating.entity_id)
    assert 1 == len(gateways.list_gateways(api, REGION))


def test_floating_ip_needs_a_gateway(cloud: Cloud) -> None:
    """Without a gateway in the subnet there is no floating IP, and none is left behind."""
    api = cloud.api()
    place = a_place(api)
    instance = an_instance(api, place.openstack_id, "10.0.0.21")

    with pytest.raises(OvhError, match="has no gateway"):
        floating_ips.create_on_instance(api, REGION, instance.id, IPv4Address("10.0.0.21"))

    assert () == floating_ips.list_floating_ips(api, REGION)


def test_pool_of_a_subnet(cloud: Cloud) -> None:
    """A gateway takes its second address of the subnet's pool, and a node can have any address outside of it."""
    api = cloud.api()
    place = a_place(api)
    a_gateway(api, place)

    an_instance(api, place.openstack_id, "10.0.0.199")

    with cloud.state.look() as data:
        (record,) = data["gateways"].values()
    assert ["10.0.0.1", str(POOL[0])] == [interface["ip"] for interface in record["interfaces"]]
    with pytest.raises(OvhError, match="already in use"):
        an_instance(api, place.openstack_id, str(POOL[0]))
    with pytest.raises(OvhError, match="ports in use"):
        networks.delete_subnet(api, place.network.id, place.subnet_id)


def test_same_range_in_one_region(cloud: Cloud) -> None:
    """Within a region, subnets of a network do not overlap."""
    place = a_place(cloud.api())

    with pytest.raises(OvhConflict, match="overlaps"):
        networks.create_subnet(cloud.api(), place.network.id, IPv4Network("10.0.0.0/25"), REGION)
