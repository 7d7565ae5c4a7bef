"""Our adapters of Octavia load balancers against the emulator: created whole and in parts, changed, and in conflict."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from emulated_cloud import Cloud, until
from network_scene import (
    POOL,
    REGION,
    a_gateway,
    a_load_balancer,
    a_new_load_balancer,
    a_place,
    done,
    settled,
    until_gone,
)

from koprogo_fleet.core.errors import OvhConflict, OvhError, OvhNotFound
from koprogo_fleet.ovh import (
    floating_ips,
    gateways,
    load_balancer_listeners,
    load_balancer_pools,
    load_balancers,
    networks,
    operations,
)
from koprogo_fleet.ovh.load_balancer_parts import (
    HTTP,
    PROXY_V1,
    PROXY_V2,
    TCP,
    NewListener,
    NewMember,
    NewMonitor,
    NewPool,
)

WORKER = IPv4Address("10.0.0.23")


def test_the_seeds_load_balancer(cloud: Cloud) -> None:
    """Ports 80 and 443 lead to the workers' NodePorts, watched, the second with the PROXY protocol; on a public IP."""
    api = cloud.api()
    place = a_place(api)
    a_gateway(api, place)

    balancer = a_load_balancer(api, place, wants_floating_ip=True)

    assert (balancer,) == load_balancers.list_load_balancers(api, REGION)
    assert ("active", "online", place.openstack_id, place.subnet_id) == (
        balancer.status,
        balancer.operating_status,
        balancer.network_id,
        balancer.subnet_id,
    )
    (floating,) = floating_ips.list_floating_ips(api, REGION)
    assert (balancer.id, floating_ips.LOAD_BALANCER, balancer.vip) == (
        floating.entity_id,
        floating.entity_type,
        floating.private_ip,
    )
    assert (floating.id, floating.ip) == (balancer.floating_ip_id, balancer.floating_ip)
    listeners = load_balancer_listeners.list_listeners(api, REGION, balancer.id)
    pools = {pool.id: pool for pool in load_balancer_pools.list_pools(api, REGION, balancer.id)}
    assert [(80, TCP), (443, PROXY_V2)] == [
        (listener.port, pools[listener.pool_id or ""].protocol) for listener in listeners
    ]
    for listener, port in zip(listeners, (30080, 30443), strict=True):
        members = load_balancer_pools.list_members(api, REGION, listener.pool_id or "")
        assert [("10.0.0.21", port, 1), ("10.0.0.22", port, 1)] == [
            (str(member.address), member.port, member.weight) for member in members
        ]
        assert {"online"} == {member.operating_status for member in members}
        (monitor,) = load_balancer_pools.list_monitors(api, REGION, listener.pool_id)
        assert NewMonitor(f"{listener.name}-monitor") == monitor.wanted


def test_created_in_parts(cloud: Cloud) -> None:
    """A balancer without listeners gets them one after the other, with pool, members and an HTTP monitor."""
    api = cloud.api()
    balancer = a_load_balancer(api, a_place(api), listeners=())
    allowed = (IPv4Network("192.0.2.0/24"),)

    listener = load_balancer_listeners.create_listener(
        api, REGION, balancer.id, NewListener("http", HTTP, 80, allowed=allowed)
    )
    settled(api, balancer.id)
    pool = load_balancer_pools.create_pool(api, REGION, balancer.id, NewPool("http", PROXY_V1), listener.id)
    settled(api, balancer.id)
    members = [NewMember(WORKER, 30080, "worker-3"), NewMember(WORKER, 30081, "worker-3b", 10)]
    load_balancer_pools.create_members(api, REGION, pool.id, members)
    settled(api, balancer.id)
    wanted = NewMonitor("http", "http", 10, 5, 3, 4, "/healthz", "200-204", "koprogo.test")
    load_balancer_pools.create_monitor(api, REGION, pool.id, wanted)
    settled(api, balancer.id)

    listener = load_balancer_listeners.get_listener(api, REGION, listener.id)
    assert (pool.id, allowed, "active") == (listener.pool_id, listener.allowed, listener.status)
    assert (listener.id, PROXY_V1) == (
        (found := load_balancer_pools.get_pool(api, REGION, pool.id)).listener_id,
        found.protocol,
    )
    assert [1, 10] == [member.weight for member in load_balancer_pools.list_members(api, REGION, pool.id)]
    assert [wanted] == [monitor.wanted for monitor in load_balancer_pools.list_monitors(api, REGION)]


def test_changed_in_place(cloud: Cloud) -> None:
    """Size, name, listener, pool, members and monitor change in place; each change waits for the one before."""
    api = cloud.api()
    balancer = a_load_balancer(api, a_place(api))
    flavor = next(item for item in load_balancers.list_flavors(api, REGION) if item.name == "medium")
    pool, other = load_balancer_pools.list_pools(api, REGION, balancer.id)
    listener = load_balancer_listeners.list_listeners(api, REGION, balancer.id)[0]
    first, second = load_balancer_pools.list_members(api, REGION, pool.id)
    (monitor,) = load_balancer_pools.list_monitors(api, REGION, pool.id)

    load_balancers.change_load_balancer(api, REGION, balancer.id, "renamed", flavor.id)
    settled(api, balancer.id)
    load_balancer_listeners.change_listener(api, REGION, listener.id, NewListener("new", TCP, 80), other.id)
    settled(api, balancer.id)
    load_balancer_pools.change_pool(api, REGION, pool.id, NewPool("new", TCP, "leastConnections"))
    settled(api, balancer.id)
    load_balancer_pools.create_members(api, REGION, pool.id, [NewMember(WORKER, 30080, "worker-3")])
    settled(api, balancer.id)
    load_balancer_pools.delete_member(api, REGION, pool.id, first.id)
    settled(api, balancer.id)
    load_balancer_pools.change_member(api, REGION, pool.id, second.id, "worker-2", 7)
    settled(api, balancer.id)
    load_balancer_pools.change_monitor(api, REGION, monitor.id, NewMonitor("new", delay=20, timeout=9))
    settled(api, balancer.id)

    changed = load_balancers.get_load_balancer(api, REGION, balancer.id)
    assert ("renamed", flavor.id) == (changed.name, changed.flavor_id)
    assert other.id == load_balancer_listeners.get_listener(api, REGION, listener.id).pool_id
    assert "leastConnections" == load_balancer_pools.get_pool(api, REGION, pool.id).algorithm
    members = load_balancer_pools.list_members(api, REGION, pool.id)
    assert {("10.0.0.22", 7), ("10.0.0.23", 1)} == {(str(member.address), member.weight) for member in members}
    assert 20 == load_balancer_pools.list_monitors(api, REGION, pool.id)[0].wanted.delay


def test_one_change_at_a_time(cloud: Cloud) -> None:
    """While a change is under way, every other one and the deletion are refused; nothing of them is done."""
    api = cloud.api()
    balancer = a_load_balancer(api, a_place(api))
    pool = load_balancer_pools.list_pools(api, REGION, balancer.id)[0]
    (member, _other) = load_balancer_pools.list_members(api, REGION, pool.id)
    cloud.fault("never-done", "PUT", "*/pool/*")

    load_balancer_pools.change_member(api, REGION, pool.id, member.id, "worker-1", 2)

    assert load_balancers.UPDATING == load_balancers.get_load_balancer(api, REGION, balancer.id).status
    for change in (
        lambda: load_balancer_pools.create_members(api, REGION, pool.id, [NewMember(WORKER, 1, "w")]),
        lambda: load_balancer_pools.delete_member(api, REGION, pool.id, member.id),
        lambda: load_balancer_pools.delete_pool(api, REGION, pool.id),
        lambda: load_balancer_listeners.create_listener(api, REGION, balancer.id, NewListener("x", TCP, 81)),
        lambda: load_balancers.change_load_balancer(api, REGION, balancer.id, "x", balancer.flavor_id),
        lambda: load_balancers.delete_load_balancer(api, REGION, balancer.id),
    ):
        with pytest.raises(OvhConflict, match="is immutable"):
            change()
    assert 2 == len(load_balancer_pools.list_members(api, REGION, pool.id))
    assert 2 == len(load_balancer_listeners.list_listeners(api, REGION, balancer.id))


def test_what_is_taken(cloud: Cloud) -> None:
    """A port, a member, a listener's pool and a pool's monitor exist once."""
    api = cloud.api()
    balancer = a_load_balancer(api, a_place(api))
    listener = load_balancer_listeners.list_listeners(api, REGION, balancer.id)[0]
    pool_id = listener.pool_id or ""
    same = NewMember(IPv4Address("10.0.0.21"), 30080, "again")

    with pytest.raises(OvhConflict, match="protocol_port 80"):
        load_balancer_listeners.create_listener(api, REGION, balancer.id, NewListener("x", TCP, 80))
    with pytest.raises(OvhConflict, match=r"ip 10.0.0.21 on protocol_port 30080"):
        load_balancer_pools.create_members(api, REGION, pool_id, [same])
    with pytest.raises(OvhConflict, match="already has a default pool"):
        load_balancer_pools.create_pool(api, REGION, balancer.id, NewPool("x", TCP), listener.id)
    with pytest.raises(OvhConflict, match="already has a health monitor"):
        load_balancer_pools.create_monitor(api, REGION, pool_id, NewMonitor("x"))

    assert load_balancers.ACTIVE == load_balancers.get_load_balancer(api, REGION, balancer.id).status


def test_what_cannot_be(cloud: Cloud) -> None:
    """A monitor that is slower than its pace, a pool that its listener cannot lead to and odd weights are refused."""
    api = cloud.api()
    balancer = a_load_balancer(api, a_place(api), listeners=())
    listener = load_balancer_listeners.create_listener(api, REGION, balancer.id, NewListener("http", HTTP, 80))
    settled(api, balancer.id)
    pool = load_balancer_pools.create_pool(api, REGION, balancer.id, NewPool("tcp", TCP))
    settled(api, balancer.id)

    with pytest.raises(OvhError, match="timeout must be lower than delay"):
        load_balancer_pools.create_monitor(api, REGION, pool.id, NewMonitor("x", delay=5, timeout=5))
    with pytest.raises(OvhError, match="no httpConfiguration"):
        load_balancer_pools.create_monitor(api, REGION, pool.id, NewMonitor("x", url_path="/"))
    with pytest.raises(OvhError, match="protocol 'tcp' is invalid while the listener protocol is 'http'"):
        load_balancer_pools.create_pool(api, REGION, balancer.id, NewPool("x", TCP), listener.id)
    with pytest.raises(OvhError, match="weight must be between"):
        load_balancer_pools.create_members(api, REGION, pool.id, [NewMember(WORKER, 80, "w", 257)])


def test_deleted_in_parts(cloud: Cloud) -> None:
    """A pool takes its members and its monitor with it, and its listener leads nowhere; a listener leaves its pool."""
    api = cloud.api()
    balancer = a_load_balancer(api, a_place(api))
    first, second = load_balancer_listeners.list_listeners(api, REGION, balancer.id)

    load_balancer_pools.delete_pool(api, REGION, first.pool_id or "")
    settled(api, balancer.id)
    load_balancer_listeners.delete_listener(api, REGION, second.id)
    settled(api, balancer.id)

    (listener,) = load_balancer_listeners.list_listeners(api, REGION)
    (pool,) = load_balancer_pools.list_pools(api, REGION)
    assert (first.id, None) == (listener.id, listener.pool_id)
    assert (second.pool_id, None) == (pool.id, pool.listener_id)
    assert [pool.id] == [monitor.pool_id for monitor in load_balancer_pools.list_monitors(api, REGION)]
    with cloud.state.look() as data:
        assert {pool.id} == {member["pool_id"] for member in data["members"].values()}


def test_deleted_whole_and_in_order(cloud: Cloud) -> None:
    """Subnet and network wait for the gateway, the gateway for the floating IP, which outlives the load balancer."""
    api = cloud.api()
    place = a_place(api)
    gateway = a_gateway(api, place)
    balancer = a_load_balancer(api, place, wants_floating_ip=True)
    with pytest.raises(OvhError, match="ports in use"):
        networks.delete_private_network(api, place.network.id)

    load_balancers.delete_load_balancer(api, REGION, balancer.id)

    until_gone(lambda: load_balancers.list_load_balancers(api, REGION))
    assert ((), ()) == (
        load_balancer_listeners.list_listeners(api, REGION),
        load_balancer_pools.list_pools(api, REGION),
    )
    (floating,) = floating_ips.list_floating_ips(api, REGION)
    assert (floating_ips.DOWN, None) == (floating.status, floating.entity_id)
    floating_ips.delete_floating_ip(api, REGION, floating.id)
    with pytest.raises(OvhError, match="ports in use"):
        networks.delete_subnet(api, place.network.id, place.subnet_id)
    done(api, gateways.delete_gateway(api, REGION, gateway.id))
    networks.delete_subnet(api, place.network.id, place.subnet_id)
    networks.delete_private_network(api, place.network.id)
    until_gone(lambda: networks.list_private_networks(api))


def test_floating_ip_of_a_load_balancer(cloud: Cloud) -> None:
    """A floating IP is created on a load balancer later, moves to another one, and can be given at its creation."""
    api = cloud.api()
    place = a_place(api)
    a_gateway(api, place)
    first = a_load_balancer(api, place, name="first")
    second = a_load_balancer(api, place, name="second")

    done(api, floating_ips.create_on_load_balancer(api, REGION, first.id, first.vip))

    (floating,) = floating_ips.list_floating_ips(api, REGION)
    assert floating.ip == load_balancers.get_load_balancer(api, REGION, first.id).floating_ip
    with pytest.raises(OvhConflict, match="already associated"):
        floating_ips.attach_to_load_balancer(api, REGION, second.id, second.vip, floating.id)
    floating_ips.detach_floating_ip(api, REGION, floating.id)
    done(api, floating_ips.attach_to_load_balancer(api, REGION, second.id, second.vip, floating.id))
    assert floating.ip == load_balancers.get_load_balancer(api, REGION, second.id).floating_ip
    floating_ips.detach_floating_ip(api, REGION, floating.id)
    assert floating.ip == a_load_balancer(api, place, floating_ip_id=floating.id).floating_ip
    assert 1 == len(floating_ips.list_floating_ips(api, REGION))


def test_addresses_of_a_load_balancer(cloud: Cloud) -> None:
    """A load balancer takes three addresses of the subnet's pool, and gives them back."""
    api = cloud.api()
    place = a_place(api)
    balancer = a_load_balancer(api, place)
    other = a_load_balancer(api, place)
    assert (POOL[0], POOL[0] + 3) == (balancer.vip, other.vip)

    load_balancers.delete_load_balancer(api, REGION, balancer.id)

    until(lambda: len(load_balancers.list_load_balancers(api, REGION)) == 1)
    assert POOL[0] == a_load_balancer(api, place).vip


def test_creation_that_fails(cloud: Cloud) -> None:
    """A failed creation leaves a balancer in error, which takes no change, and can be deleted."""
    api = cloud.api()
    place = a_place(api)
    cloud.fault("in-error", "POST", "*/loadbalancer")

    operation = load_balancers.create_load_balancer(api, a_new_load_balancer(api, place))

    until(lambda: operations.get_operation(api, operation.id).status in operations.FAILED)
    (balancer,) = load_balancers.list_load_balancers(api, REGION)
    assert (load_balancers.ERROR, load_balancers.ERROR) == (balancer.status, balancer.operating_status)
    with pytest.raises(OvhConflict, match="is immutable"):
        load_balancer_listeners.create_listener(api, REGION, balancer.id, NewListener("x", TCP, 81))
    load_balancers.delete_load_balancer(api, REGION, balancer.id)
    until_gone(lambda: load_balancers.list_load_balancers(api, REGION))
    with pytest.raises(OvhNotFound):
        load_balancers.get_load_balancer(api, REGION, balancer.id)


def test_refused_creation_leaves_nothing(cloud: Cloud) -> None:
    """A creation that is refused for one of its parts has made none of them, and no address is taken."""
    api = cloud.api()
    place = a_place(api)
    pool = NewPool("x", TCP, members=(NewMember(WORKER, 30080, "w"), NewMember(WORKER, 30080, "w")))

    with pytest.raises(OvhConflict, match="Another member"):
        load_balancers.create_load_balancer(
            api, a_new_load_balancer(api, place, listeners=(NewListener("x", TCP, 80, pool),))
        )

    with cloud.state.look() as data:
        assert ({}, {}, {}) == (data["load_balancers"], data["pools"], data["members"])
    networks.delete_subnet(api, place.network.id, place.subnet_id)


def test_flavors_differ_by_region(cloud: Cloud) -> None:
    """A size has another id in every region, and the other region's id is refused."""
    api = cloud.api()
    theirs = load_balancers.list_flavors(api, "SBG5")[0]

    with pytest.raises(OvhError, match="not found in region GRA11"):
        load_balancers.create_load_balancer(api, a_new_load_balancer(api, a_place(api), flavor_id=theirs.id))
