"""A small fleet, and what the API shows of it, as values to be varied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Any

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.catalogue import Flavor, Image
from koprogo_fleet.ovh.dns import DnsRecord
from koprogo_fleet.ovh.floating_ips import FloatingIp
from koprogo_fleet.ovh.gateways import Gateway
from koprogo_fleet.ovh.groups import InstanceGroup
from koprogo_fleet.ovh.instances import Address, Instance
from koprogo_fleet.ovh.load_balancers import LoadBalancerFlavor
from koprogo_fleet.ovh.networks import NetworkRegion, PrivateNetwork, Subnet
from koprogo_fleet.ovh.quotas import Quota
from koprogo_fleet.ovh.ssh_keys import SshKey
from koprogo_fleet.ovh.volumes import Volume
from koprogo_fleet.provision.balancing import Balancer
from koprogo_fleet.provision.kinds.balancer_vrack import IP_LOAD_BALANCER_SERVICE
from koprogo_fleet.provision.kinds.bucket import CONTAINERS
from koprogo_fleet.provision.kinds.dedicated_server import OWNED_SERVERS, OwnedServer
from koprogo_fleet.provision.kinds.dns_record import RECORDS
from koprogo_fleet.provision.kinds.floating_ip import FLOATING_IPS
from koprogo_fleet.provision.kinds.gateway import GATEWAYS
from koprogo_fleet.provision.kinds.group import GROUPS
from koprogo_fleet.provision.kinds.instance import FLAVORS, IMAGES, INSTANCES, PUBLIC_NETWORKS
from koprogo_fleet.provision.kinds.ip_load_balancer import IP_BALANCING
from koprogo_fleet.provision.kinds.load_balancer import LOAD_BALANCER_SIZES, LOAD_BALANCERS
from koprogo_fleet.provision.kinds.network import NETWORKS
from koprogo_fleet.provision.kinds.project_user import USERS
from koprogo_fleet.provision.kinds.project_vrack import VRACK_OF_PROJECT
from koprogo_fleet.provision.kinds.s3_credential import CREDENTIALS, KEPT
from koprogo_fleet.provision.kinds.s3_policy import POLICIES
from koprogo_fleet.provision.kinds.ssh_key import SSH_KEYS
from koprogo_fleet.provision.kinds.subnet import SUBNETS
from koprogo_fleet.provision.kinds.volume import VOLUMES
from koprogo_fleet.provision.lists import Observed
from koprogo_fleet.provision.quota import QUOTAS

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0V koprogo"
FLEET = Fleet.model_validate(
    {
        "name": "koprogo",
        "pools": [
            {
                "name": "cp",
                "role": "server",
                "count": 1,
                "flavor": "b2-15",
                "first_address": "10.0.0.11",
                "anti_affinity": True,
            },
            {
                "name": "worker",
                "role": "agent",
                "count": 1,
                "flavor": "b2-30",
                "first_address": "10.0.0.21",
                "volume": {"size_gb": 200},
            },
        ],
        "k3s": {"version": "v1.33.4+k3s1"},
    }
)


@dataclass(frozen=True)
class Shown:
    """What the API shows, by list."""

    ssh_keys: tuple[SshKey, ...]
    networks: tuple[PrivateNetwork, ...]
    subnets: tuple[Subnet, ...]
    public_networks: tuple[PrivateNetwork, ...]
    groups: tuple[InstanceGroup, ...]
    instances: tuple[Instance, ...]
    volumes: tuple[Volume, ...]
    flavors: tuple[Flavor, ...]
    images: tuple[Image, ...]
    quotas: tuple[Quota, ...] = ()
    records: tuple[DnsRecord, ...] = ()
    vrack: str | None = None
    servers: tuple[OwnedServer, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    balancers: tuple[Balancer, ...] = ()
    balancer_sizes: tuple[LoadBalancerFlavor, ...] = ()
    floating_ips: tuple[FloatingIp, ...] = ()

    @property
    def observed(self) -> Observed:
        """The same, as it is observed."""
        return Observed(
            {
                SSH_KEYS: self.ssh_keys,
                NETWORKS: self.networks,
                SUBNETS: self.subnets,
                PUBLIC_NETWORKS: self.public_networks,
                GROUPS: self.groups,
                INSTANCES: self.instances,
                VOLUMES: self.volumes,
                FLAVORS: self.flavors,
                IMAGES: self.images,
                QUOTAS: self.quotas,
                RECORDS: self.records,
                **dict.fromkeys([USERS, POLICIES, CONTAINERS, CREDENTIALS], ()),
                KEPT: "",
                VRACK_OF_PROJECT: self.vrack,
                OWNED_SERVERS: self.servers,
                GATEWAYS: self.gateways,
                LOAD_BALANCERS: self.balancers,
                LOAD_BALANCER_SIZES: self.balancer_sizes,
                FLOATING_IPS: self.floating_ips,
                IP_LOAD_BALANCER_SERVICE: None,
                IP_BALANCING: None,
            }
        )


def flavor(name: str, *, region: str = "GRA11", quota: int = 10, available: bool = True) -> Flavor:
    """Return a flavor whose id is derived from its name and region."""
    return Flavor(_id(name, region), name, region, 4, 15, 100, available, quota)


def image(name: str, region: str = "GRA11") -> Image:
    """Return an image whose id is derived from its name and region."""
    return Image(_id(name, region), name, region, "debian")


def instance(name: str, flavor_name: str, ip: str) -> Instance:
    """Return an ACTIVE instance."""
    addresses = (Address("198.18.0.2", "public", 4), Address(ip, "private", 4))
    return Instance(f"id of {name}", name, "ACTIVE", "GRA11", f"id of {flavor_name}", "id of Debian 12", addresses)


def with_workers(count: int, **changes: Any) -> Fleet:
    """Return the fleet with so many workers, which have these *changes*."""
    cp, worker = FLEET.pools
    return FLEET.model_copy(update={"pools": (cp, worker.model_copy(update={"count": count, **changes}))})


def _id(name: str, region: str) -> str:
    return f"id of {name}" if region == "GRA11" else f"id of {name} in {region}"


NOTHING = Shown(
    ssh_keys=(),
    networks=(),
    subnets=(),
    public_networks=(
        PrivateNetwork(
            "Ext-Net",
            "Ext-Net",
            0,
            "ACTIVE",
            (NetworkRegion("GRA11", "ACTIVE", "public"), NetworkRegion("SBG5", "ACTIVE", "public in SBG5")),
        ),
    ),
    groups=(),
    instances=(),
    volumes=(),
    flavors=(flavor("b2-15"), flavor("b2-30"), flavor("b2-7")),
    images=(image("Debian 12"), image("other")),
)
CP = instance("koprogo-cp-1", "b2-15", "10.0.0.11")
WORKER = instance("koprogo-worker-1", "b2-30", "10.0.0.21")
VOLUME = Volume("v1", "koprogo-worker-1", "GRA11", 200, "high-speed", "in-use", (WORKER.id,))
NETWORK = PrivateNetwork("pn-1_42", "koprogo-vrack", 42, "ACTIVE", (NetworkRegion("GRA11", "ACTIVE", "os"),))
SUBNET = Subnet("s1", NETWORK.id, "GRA11", IPv4Network("10.0.0.0/24"), None, dhcp=False)
GROUP = InstanceGroup("g1", "koprogo-cp", "GRA11", "anti-affinity", (CP.id,))
SSH_KEY = SshKey("k1", "koprogo", KEY, ("GRA11",))
ALL = replace(
    NOTHING,
    ssh_keys=(SSH_KEY,),
    networks=(NETWORK,),
    subnets=(SUBNET,),
    groups=(GROUP,),
    instances=(CP, WORKER),
    volumes=(VOLUME,),
)
