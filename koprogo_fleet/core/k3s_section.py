"""The section ``k3s`` of ``fleet.yaml``: which release, how it is installed, and how the cluster is set up."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from koprogo_fleet.core.model import Model, Whole
from koprogo_fleet.core.sections import FIRST_SERVER, VaultPath

RELEASES = "https://github.com/k3s-io/k3s/releases/download"
"""Where the project publishes its releases (K3s' install.sh, ``GITHUB_URL``)."""

AUTO = "auto"
"""Of the flannel backend: the encrypted one where every node's kernel can, else the first one that works."""

Backend = Literal["wireguard-native", "vxlan", "host-gw"]
Level = Literal["privileged", "baseline", "restricted"]
"""Of the Pod Security Standards."""

_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_HOST = rf"({_LABEL}\.)*{_LABEL}"
_NUMBERS = re.compile(r"[\d.]+")

Url = Annotated[
    str,
    StringConstraints(pattern=rf"^https?://{_HOST}(:\d{{1,5}})?(/[\w.~%+-]+)*$", max_length=200),
    Field(description="a URL without a password such as https://mirror.example"),
]
Registry = Annotated[
    str,
    StringConstraints(pattern=rf"^(\*|{_HOST}(:\d{{1,5}})?)$", max_length=200),
    Field(description='a registry such as docker.io or registry.example:5000, or "*"'),
]
NodePath = Annotated[
    str, StringConstraints(pattern=r"^/[\w./-]+$", max_length=200), Field(description="an absolute path on the nodes")
]
Namespace = Annotated[
    str, StringConstraints(pattern=rf"^{_LABEL}$", max_length=63), Field(description="a namespace such as monitoring")
]


class Mirror(Model):
    """Where images of one registry are pulled from, in this order; the registry itself is asked last."""

    endpoint: tuple[Url, ...] = Field(
        min_length=1, description="one URL or more", examples=[["https://mirror.example"]]
    )
    rewrite: dict[str, str] = Field(
        default_factory=dict, description="patterns and what replaces them in an image's name"
    )


class RegistryAccess(Model):
    """How one registry, or mirror, is spoken to."""

    vault: VaultPath | None = None
    ca_file: NodePath | None = None
    insecure_skip_verify: bool = Field(default=False, strict=True, description="true or false")


class Registries(Model):
    """
    K3s' registries.yaml, without what is secret: that is in Vault.

    *access* is by host, as it stands in a mirror's endpoint.
    """

    mirrors: dict[Registry, Mirror] = Field(default_factory=dict, description="registries and their mirrors")
    access: dict[Registry, RegistryAccess] = Field(default_factory=dict, description="hosts and how to speak to them")


class Snapshots(Model):
    """How often each server saves etcd, and how long the bucket of ``backups`` keeps that."""

    every_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = Field(
        default=6, description="a part of a day: 1, 2, 3, 4, 6, 8, 12 or 24 hours"
    )
    keep_days: Whole = Field(default=30, ge=1, le=365, description="a number of days from 1 to 365")


class K3s(Model):
    """The Kubernetes distribution: exactly one release, by its checksum, and how its cluster is set up."""

    version: str = Field(
        pattern=r"^v\d+\.\d+\.\d+\+k3s\d+$",
        description="a K3s release such as v1.33.4+k3s1",
        examples=["v1.33.4+k3s1"],
    )
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="a SHA-256 sum: 64 hexadecimal digits in lower case"
    )
    install: Literal["airgap", "online"] = "airgap"
    releases: Url = RELEASES
    flannel_backend: Literal["auto", "wireguard-native", "vxlan", "host-gw"] = "auto"
    endpoint: str = Field(
        default=FIRST_SERVER,
        pattern=rf"^(first_server|\d{{1,3}}(\.\d{{1,3}}){{3}}|({_LABEL}\.)+[a-z]([a-z0-9-]*[a-z0-9])?)$",
        max_length=253,
        description="first_server, a free address of the vRack, or a name such as k3s.example.org",
    )
    registries: Registries | None = None
    images: tuple[Path, ...] = ()
    pod_security: Level = "restricted"
    pod_security_exempt: tuple[Namespace, ...] = ()
    audit: bool = Field(default=True, strict=True, description="true or false")
    snapshots: Snapshots = Snapshots()
    disable: tuple[Literal["coredns", "servicelb", "traefik", "local-storage", "metrics-server", "runtimes"], ...] = (
        "traefik",
        "servicelb",
        "local-storage",
    )

    @property
    def virtual_address(self) -> IPv4Address | None:
        """The address that the servers hold in turn, where *endpoint* is one."""
        if not _NUMBERS.fullmatch(self.endpoint):
            return None
        try:
            return IPv4Address(self.endpoint)
        except AddressValueError:  # told as a contradiction
            return None

    @property
    def endpoint_name(self) -> str | None:
        """The name of *endpoint*, where it is one."""
        return None if self.endpoint == FIRST_SERVER or _NUMBERS.fullmatch(self.endpoint) else self.endpoint
