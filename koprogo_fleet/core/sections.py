"""The sections of ``fleet.yaml``, each right by itself; what they say together is :mod:`.contradictions`' business."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from koprogo_fleet.core.model import Model, Whole

NODE_PORTS = range(30000, 32768)
"""Kubernetes' default service-node-port-range (k3s: --service-node-port-range)."""

MONTHLY = "monthly"
"""Of a pool's billing: paid by the month."""

FIRST_SERVER = "first_server"
LOAD_BALANCER = "load_balancer"
TARGET_WORDS = (LOAD_BALANCER, FIRST_SERVER)
"""Whose public address an A record can name before anybody knows it."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
DnsLabel = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=40),
    Field(description="lower-case letters, digits and hyphens inside (at most 40, a letter first)"),
]
Port = Annotated[
    Whole,
    Field(
        ge=NODE_PORTS.start,
        lt=NODE_PORTS.stop,
        description=f"a NodePort from {NODE_PORTS.start} to {NODE_PORTS.stop - 1}",
    ),
]
PublicPort = Annotated[Whole, Field(ge=1, le=65535, description="a port from 1 to 65535")]
Address = Annotated[IPv4Address, BeforeValidator(str), Field(description="an IPv4 address such as 10.0.0.11")]
UserName = Annotated[
    str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$"), Field(description="a user name such as debian")
]
HostName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_-]*$"),
    Field(description="a host's name or address such as bastion or 203.0.113.7"),
]
Mount = Annotated[
    str,
    StringConstraints(pattern=r"^[\w-][\w.-]*(/[\w-][\w.-]*)*$"),
    Field(description="a mount of Vault's SSH engine such as ssh-user"),
]
RecordName = Annotated[
    str,
    StringConstraints(
        pattern=r"^(@|(\*|[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)$", max_length=200
    ),
    Field(description="a name below the zone such as api, * or @ (the zone itself), in lower case"),
]
Ttl = Annotated[Whole, Field(ge=60, le=86400, description="a time from 60 to 86400 seconds")]
"""OVH takes no shorter one (terraform-provider-ovh, resource_domain_zone_record.go)."""

VaultPath = Annotated[
    str,
    StringConstraints(pattern=r"^[\w-][\w.-]*(/[\w-][\w.-]*)*$"),
    Field(description="a path below vault.folder such as backups/s3"),
]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TimeOfDay = Annotated[
    str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$"), Field(description='a time in UTC such as "03:00"')
]
Cidr = Annotated[IPv4Network, BeforeValidator(str), Field(description="an IPv4 network such as 10.0.0.0/24")]


class Role(StrEnum):
    """What a node does in the cluster, in K3s' own words."""

    SERVER = "server"
    AGENT = "agent"


class Network(Model):
    """The networks of the fleet; none may overlap another."""

    vrack: Cidr = IPv4Network("10.0.0.0/24")
    vlan: Whole = Field(default=42, ge=0, le=4094, description="a VLAN number from 0 (untagged) to 4094")
    mtu: Whole = Field(default=1500, ge=1280, le=9000, description="a size from 1280 to 9000 bytes")
    pods: Cidr = IPv4Network("10.42.0.0/16")
    services: Cidr = IPv4Network("10.43.0.0/16")
    vrack_service: str | None = Field(
        default=None,
        pattern=r"^pn-\d+$",
        description="a vRack's service name such as pn-123456",
        examples=["pn-123456"],
    )
    gateway: Literal["s", "m", "l"] | None = None

    @property
    def gateway_address(self) -> IPv4Address:
        """The address that the gateway has in the vRack, where there is one: the first."""
        return self.vrack[1]

    @property
    def reserved(self) -> IPv4Network:
        """The last quarter of the vRack: of OVH's own machines where a gateway or a load balancer is wanted."""
        return list(self.vrack.subnets(2))[-1]

    @property
    def balancer_sources(self) -> IPv4Network:
        """What a classic load balancer connects from: the first half of :attr:`reserved`."""
        return next(self.reserved.subnets())

    @property
    def given_away(self) -> tuple[IPv4Address, IPv4Address]:
        """First and last of what OVH gives to gateways and load balancers by itself: the rest of :attr:`reserved`."""
        return list(self.reserved.subnets())[-1][0], self.vrack[-2]


class SshCertificates(Model):
    """Logins and host keys by certificate: what Vault's SSH engine signs them with, and for how long our key."""

    user_mount: Mount = "ssh-user"
    host_mount: Mount = "ssh-host"
    role: str = Field(default="fleet", pattern=r"^[\w.-]+$", description="the name of a role such as fleet")
    minutes: Whole = Field(default=30, ge=15, le=1440, description="a time from 15 to 1440 minutes")


class JumpHost(Model):
    """The host through which every node is reached; *host* is the name under which its key is known."""

    address: HostName = Field(examples=["203.0.113.7"])
    port: Whole = Field(default=22, ge=1, le=65535, description="a port from 1 to 65535")
    user: UserName | None = Field(default=None, description="a user name such as debian")
    host: HostName | None = Field(default=None, description="a host's name such as bastion")

    @property
    def name(self) -> str:
        """The name under which its key is known."""
        return self.host or self.address


class Ssh(Model):
    """How we log in. Without *private_key* a key is made for the fleet, in its state directory."""

    user: UserName = "debian"
    private_key: Path | None = Field(default=None, description="the path of a private key")
    certificates: SshCertificates | None = None
    jump: JumpHost | None = None


class Volume(Model):
    """A block volume attached to each node of a pool, for Longhorn."""

    size_gb: Whole = Field(ge=10, le=4000, description="a size from 10 to 4000 GB", examples=[200])
    type: Text = "high-speed"


class Pool(Model):
    """
    Nodes that are alike. Their names are ``<fleet>-<pool>-<n>``, their vRack addresses count up from the first.

    Without *region* they are in the fleet's.
    """

    name: DnsLabel = Field(examples=["worker"])
    role: Role = Field(description="server or agent", examples=["agent"])
    count: Whole = Field(ge=0, le=200, description="a whole number from 0 to 200", examples=[3])
    flavor: Text = Field(description="an OVH flavor such as b2-15", examples=["b2-15"])
    first_address: Address = Field(examples=["10.0.0.21"])
    region: Text | None = Field(default=None, description="an OVH region such as SBG5")
    billing: Literal["hourly", "monthly"] = "hourly"
    anti_affinity: bool = Field(default=False, strict=True, description="true or false")
    volume: Volume | None = None


class DedicatedServer(Model):
    """A machine that one owns: it is attached to the vRack, never ordered, and never given back."""

    name: DnsLabel = Field(examples=["koprogo-metal-1"])
    service: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.-]*$",
        description="a server's name at OVH such as ns3123456.ip-1-2-3.eu",
        examples=["ns3123456.ip-1-2-3.eu"],
    )
    role: Role = Field(description="server or agent", examples=["agent"])
    vrack_address: Address = Field(examples=["10.0.0.31"])


class Ingress(Model):
    """The NodePorts that the load balancer sends HTTP and HTTPS to, and who may come to them beside it."""

    http: Port = 30080
    https: Port = 30443
    open_to: tuple[Cidr, ...] = ()


class DnsRecord(Model):
    """
    One record of the zone.

    *target* is an address, a text, or a name: without a dot one below the zone ("@" is the zone), else a whole one. For
    an A record it may also be one of :data:`TARGET_WORDS`.
    """

    name: RecordName = Field(examples=["api"])
    type: Literal["A", "AAAA", "CNAME", "TXT"] = Field(examples=["A"])
    target: str = Field(
        min_length=1, max_length=255, description="a text of 1 to 255 characters", examples=["first_server"]
    )
    ttl: Ttl | None = None


class Dns(Model):
    """Records of a zone that OVH serves. Other records of the zone are nobody's business here."""

    zone: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$",
        description="a domain such as koprogo.io, in lower case",
        examples=["koprogo.io"],
    )
    ttl: Ttl = 300
    records: tuple[DnsRecord, ...] = ()

    def ttl_of(self, record: DnsRecord) -> int:
        """Return how long resolvers keep a record, in seconds."""
        return record.ttl or self.ttl


class Backups(Model):
    """A bucket for backups, a user that can use this one alone, and where its keys are in Vault (below the folder)."""

    region: Text = Field(examples=["SBG"])
    bucket: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens",
        examples=["koprogo-backups"],
    )
    vault: VaultPath = "backups/s3"


class LoadBalancer(Model):
    """What leads from the Internet to *ingress* on every agent: OVH's Octavia, or a classic IP Load Balancer."""

    kind: Literal["octavia", "ip"] = Field(description="octavia or ip", examples=["octavia"])
    size: Text | None = Field(default=None, description="a size of OVH's such as small", examples=["small"])
    service: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9.-]*$",
        description="an IP Load Balancer's name at OVH such as loadbalancer-0123456789abcdef",
        examples=["loadbalancer-0123456789abcdef"],
    )
    proxy_protocol: Literal["none", "v1", "v2"] = "none"
    http: PublicPort = 80
    https: PublicPort = 443


class Power(Model):
    """What ``koprogo-fleet power`` may do. Without it a fleet is never switched off: most of them are in production."""

    may_switch_off: bool = Field(default=False, strict=True, description="true or false")


class VaultPlace(Model):
    """Where the fleet's secrets are in Vault: a KV version 2 mount, and a folder in it."""

    mount: Text = "secret"
    folder: Text = "koprogo"


class Person(Model):
    """Who may log in to the nodes beside the fleet's own user; one who is not named any more may not."""

    name: UserName = Field(examples=["alice"])
    keys: tuple[Text, ...] = Field(examples=[["ssh-ed25519 AAAA... alice@laptop"]])
    sudo: bool = Field(default=False, strict=True, description="true or false")


class RebootWindow(Model):
    """When a node may restart itself to put security upgrades in force, in UTC; it may end on the day after."""

    days: tuple[Weekday, ...] = Field(min_length=1, description="days such as sat, sun", examples=[["sat", "sun"]])
    start: TimeOfDay = Field(alias="from", examples=["03:00"])
    end: TimeOfDay = Field(alias="to", examples=["05:00"])

    @property
    def minutes(self) -> int:
        """How long it is; from 23:00 to 01:00 are two hours."""
        return (minute_of_day(self.end) - minute_of_day(self.start)) % (24 * 60) or 24 * 60


class Ban(Model):
    """How many failed logins of one address are too many, and for how long it is shut out."""

    tries: Whole = Field(default=5, ge=2, le=100, description="a number from 2 to 100")
    minutes: Whole = Field(default=60, ge=1, le=525600, description="a time from 1 to 525600 minutes")


class Hardening(Model):
    """What the baseline leaves to choose."""

    reboot: RebootWindow | None = None
    ban: Ban = Ban()
    never_banned: tuple[Cidr, ...] = ()


def minute_of_day(time: str) -> int:
    """Return how many minutes after midnight HH:MM is."""
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)
