"""All kinds of objects: a file each, and a line here, in the order in which plans show them."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.provision.kind import Kind
from koprogo_fleet.provision.kinds.attachment import ATTACHMENT
from koprogo_fleet.provision.kinds.balancer_vrack import BALANCER_VRACK
from koprogo_fleet.provision.kinds.bucket import BUCKET
from koprogo_fleet.provision.kinds.dedicated_server import DEDICATED_SERVER
from koprogo_fleet.provision.kinds.dns_publication import DNS_PUBLICATION
from koprogo_fleet.provision.kinds.dns_record import DNS_RECORD
from koprogo_fleet.provision.kinds.floating_ip import FLOATING_IP
from koprogo_fleet.provision.kinds.gateway import GATEWAY
from koprogo_fleet.provision.kinds.group import GROUP
from koprogo_fleet.provision.kinds.instance import INSTANCE
from koprogo_fleet.provision.kinds.ip_load_balancer import IP_LOAD_BALANCER
from koprogo_fleet.provision.kinds.load_balancer import LOAD_BALANCER
from koprogo_fleet.provision.kinds.network import NETWORK
from koprogo_fleet.provision.kinds.project_user import PROJECT_USER
from koprogo_fleet.provision.kinds.project_vrack import PROJECT_VRACK
from koprogo_fleet.provision.kinds.s3_credential import S3_CREDENTIAL
from koprogo_fleet.provision.kinds.s3_policy import S3_POLICY
from koprogo_fleet.provision.kinds.ssh_key import SSH_KEY
from koprogo_fleet.provision.kinds.subnet import SUBNET
from koprogo_fleet.provision.kinds.volume import VOLUME

KINDS: tuple[Kind[Any, Any], ...] = (
    SSH_KEY,
    PROJECT_VRACK,
    NETWORK,
    SUBNET,
    GATEWAY,
    GROUP,
    VOLUME,
    INSTANCE,
    ATTACHMENT,
    DNS_RECORD,
    DNS_PUBLICATION,
    PROJECT_USER,
    S3_POLICY,
    BUCKET,
    S3_CREDENTIAL,
    DEDICATED_SERVER,
    LOAD_BALANCER,
    FLOATING_IP,
    BALANCER_VRACK,
    IP_LOAD_BALANCER,
)

__all__ = ["KINDS"]
