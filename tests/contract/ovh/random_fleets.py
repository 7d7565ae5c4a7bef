"""Fleets at random, with everything that stands around their nodes; what should exist of one, and what does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from emulated_cloud import Cloud
from hypothesis import strategies as st
from memory_keeper import MemoryKeeper
from network_scene import SERVER, add_server

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import dns, groups, instances, load_balancers, networks, ssh_keys, volumes
from koprogo_fleet.ovh.client import OvhApi

FIRST_VRACK = "pn-000001"
ZONE, BUCKET, KEYS = "koprogo.io", "koprogo-backups", "koprogo/backups/s3"
Edit = dict[str, Any]

POOLS = st.fixed_dictionaries(
    {
        "count": st.integers(0, 3),
        "flavor": st.sampled_from(["b2-7", "b2-15"]),
        "first_address": st.sampled_from(["10.0.0.21", "10.0.0.22"]),
        "region": st.sampled_from(["GRA11", "SBG5"]),
        "anti_affinity": st.booleans(),
        "volume": st.sampled_from([None, {"size_gb": 10}, {"size_gb": 20}, {"size_gb": 10, "type": "classic"}]),
    }
)
EDITS = st.fixed_dictionaries(
    {
        "servers": st.sampled_from([1, 3]),
        "workers": POOLS,
        "gateway": st.sampled_from(["s", "m"]),
        "balancer": st.sampled_from([{"size": "small"}, {"size": "medium"}, {"size": "small", "proxy_protocol": "v2"}]),
        "ttl": st.sampled_from([300, 600]),
        "target": st.sampled_from(["api", "www.example.org."]),
        "bought": st.booleans(),
    }
)
"""What may be changed from one run to the next."""


@dataclass(frozen=True)
class Around:
    """What a fleet has besides its nodes, from its first day on."""

    balancer: bool
    records: bool
    backups: bool
    metal: bool


AROUND = st.builds(Around, st.booleans(), st.booleans(), st.booleans(), st.booleans())
EVERYTHING = Around(balancer=True, records=True, backups=True, metal=True)


@dataclass
class Scene:
    """The emulator with what one has bought, and the keeper of secrets."""

    cloud: Cloud
    around: Around
    keeper: MemoryKeeper = field(default_factory=MemoryKeeper)

    def __post_init__(self) -> None:
        add_server(self.cloud)

    def fleet(self, edit: Edit) -> Fleet:
        """Return the fleet as this edit says."""
        servers, workers = edit["servers"], edit["workers"]
        cp = {"name": "cp", "role": "server", "count": servers, "flavor": "b2-7", "first_address": "10.0.0.11"}
        content: dict[str, Any] = {
            "name": "koprogo",
            "pools": [cp, {"name": "worker", "role": "agent", **workers}],
            "k3s": {"version": "v1.33.4+k3s1"},
        }
        if self.around.balancer:
            content |= {
                "network": {"gateway": edit["gateway"]},
                "load_balancer": {"kind": "octavia", **edit["balancer"]},
            }
        if self.around.records:
            records = [{"name": "api", "type": "A", "target": "first_server"}]
            records += [{"name": "*", "type": "CNAME", "target": edit["target"]}]
            content["dns"] = {"zone": ZONE, "ttl": edit["ttl"], "records": records}
        if self.around.backups:
            content["backups"] = {"region": "SBG", "bucket": BUCKET}
        if self.around.metal and edit["bought"]:
            metal = {"name": "koprogo-metal-1", "service": SERVER, "role": "agent", "vrack_address": "10.0.0.31"}
            content["dedicated_servers"] = [metal]
        return Fleet.model_validate(content)

    def exists(self, api: OvhApi) -> dict[str, Counter[Any]]:
        """Return all objects, each as often as it is there."""
        nodes = instances.list_instances(api)
        names = {item.id: item.name for item in nodes}
        private = networks.list_private_networks(api)
        sizes = {size.id: size.name for size in load_balancers.list_flavors(api, "GRA11")}
        with self.cloud.state.look() as data:
            around = {
                "gateways": Counter((item["name"], item["model"]) for item in data["gateways"].values()),
                "load balancers": Counter(
                    (item["name"], sizes[item["flavor_id"]]) for item in data["load_balancers"].values()
                ),
                "floating IPs": Counter(item["entity"] is not None for item in data["floating_ips"].values()),
                "buckets": Counter(item["name"] for item in data["containers"].values()),
                "users": Counter(item["description"] for item in data["users"].values()),
                "keys": Counter((item["access"], item["secret"]) for item in data["s3_credentials"].values()),
            }
            listeners = Counter(item["port"] for item in data["listeners"].values())
            around["listeners"] = listeners
        return around | {
            "ssh keys": Counter(key.name for key in ssh_keys.list_ssh_keys(api)),
            "networks": Counter(item.name for item in private),
            "subnets": Counter(subnet.region for item in private for subnet in networks.list_subnets(api, item.id)),
            "groups": Counter((item.name, item.region) for item in groups.list_groups(api)),
            "instances": Counter((item.name, item.region, item.private_ipv4, item.status) for item in nodes),
            "volumes": Counter(
                (item.name, item.region, item.size_gb, item.type, *(names[owner] for owner in item.attached_to))
                for item in volumes.list_volumes(api)
            ),
            "records": Counter((item.name, item.type, item.target, item.ttl) for item in dns.list_records(api, ZONE)),
        }

    def wanted(self, fleet: Fleet, first: str) -> dict[str, Counter[Any]]:
        """Return what should exist, in the same words, said independently of the kinds; *first* is the first address."""
        balancer, around = fleet.load_balancer, self.around
        kept = self.keeper.kept.get(KEYS)
        return {
            "gateways": Counter([("koprogo-gateway", fleet.network.gateway)] if balancer else []),
            "load balancers": Counter([("koprogo-lb", balancer.size)] if balancer else []),
            "floating IPs": Counter([True] if balancer else []),
            "listeners": Counter([80, 443] if balancer else []),
            "buckets": Counter([BUCKET] if around.backups else []),
            "users": Counter(["koprogo-backups"] if around.backups else []),
            "keys": Counter([(kept.values["access_key"].reveal(), kept.values["secret_key"].reveal())] if kept else []),
            "ssh keys": Counter(["koprogo"]),
            "networks": Counter(["koprogo-vrack"]),
            "subnets": Counter({"GRA11", *(pool.region for pool in fleet.pools if pool.region)}),
            "groups": Counter(
                (f"koprogo-{pool.name}", pool.region or "GRA11")
                for pool in fleet.pools
                if pool.anti_affinity and pool.count
            ),
            "instances": Counter((node.name, node.region, node.vrack_address, "ACTIVE") for node in fleet.nodes),
            "volumes": Counter(
                (node.name, node.region, node.volume.size_gb, node.volume.type, node.name)
                for node in fleet.nodes
                if node.volume
            ),
            "records": Counter(
                [
                    ("api", "A", first, fleet.dns.ttl),
                    ("*", "CNAME", _whole(fleet.dns.records[1].target), fleet.dns.ttl),
                ]
                if fleet.dns
                else []
            ),
        }

    def is_in_vrack(self) -> bool:
        """Whether the dedicated server is in the fleet's vRack."""
        with self.cloud.state.look() as data:
            return any(data["vracks"][FIRST_VRACK]["members"].get("dedicatedServerInterface") or ())


def confirmed(fleet: Fleet) -> frozenset[str]:
    """Confirm whatever any edit may cost."""
    nodes = {f"{fleet.name}-{pool.name}-{number}" for pool in fleet.pools for number in range(1, 4)}
    return frozenset(nodes | {BUCKET})


def _whole(target: str) -> str:
    return target if target.endswith(".") else f"{target}.{ZONE}."
