"""What a run has found out or read before it configures K3s: the same for every node, whichever it comes to first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret


@dataclass(frozen=True)
class S3:
    """
    The bucket of ``backups``, as K3s is told of it.

    Attributes:
        endpoint: host and port, without the bucket's name.
        insecure: it speaks plain HTTP.
    """

    endpoint: str
    bucket: str
    region: str
    access_key: Secret
    secret_key: Secret
    insecure: bool = False


@dataclass(frozen=True)
class Setup:
    """
    What K3s is configured with beside fleet.yaml.

    Attributes:
        flannel_backend: the one that every node's kernel has.
        unencrypted: what people must know where encryption between the nodes was to be had, and cannot; "" if it can.
        s3: where snapshots go; None keeps them on the servers.
        credentials: of registries, by host: ``username`` and ``password``, or ``auth``, or ``token``.
        no_virtual_address: why the servers cannot hold the address of ``k3s.endpoint``; "" if they can.
        foreign_kernel: by node, which settings of its kernel are not as the kubelet insists, and cannot be made so.
    """

    flannel_backend: str
    unencrypted: str = ""
    s3: S3 | None = None
    credentials: Mapping[str, Mapping[str, Secret]] = field(default_factory=dict, repr=False)
    no_virtual_address: str = ""
    foreign_kernel: Mapping[str, str] = field(default_factory=dict)

    def endpoint(self, fleet: Fleet) -> str | None:
        """Return the host that all nodes join; None where that is one of the servers, as nobody else has the address."""
        virtual = fleet.k3s.virtual_address
        if virtual is not None and not self.no_virtual_address:
            return str(virtual)
        return fleet.k3s.endpoint_name
