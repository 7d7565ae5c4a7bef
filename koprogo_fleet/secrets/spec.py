"""What every secret of ``secrets.yaml`` says about itself, whatever its kind. Never a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from koprogo_fleet.core.duration import Duration
from koprogo_fleet.core.model import Model
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.seal import Scope

DnsName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=63),
    Field(description="lower-case letters, digits, hyphens and dots inside (at most 63)", examples=["koprogo-api"]),
]
DataKey = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=253),
    Field(description="letters, digits, dots, hyphens and underscores", examples=["DATABASE_PASSWORD"]),
]
VaultPath = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", max_length=500),
    Field(description="a path below the mount such as koprogo/koprogo-api", examples=["koprogo/koprogo-api"]),
]
RelativePath = Annotated[
    str,
    StringConstraints(pattern=r"^[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]*$", max_length=500),
    Field(description="a path relative to secrets.yaml such as sealed", examples=["sealed"]),
]

SecretType = Literal["Opaque", "kubernetes.io/tls", "kubernetes.io/dockerconfigjson", "kubernetes.io/ssh-auth"]
"""What Kubernetes calls the types of Secrets that it looks into itself; it never lets one become another."""

Values = Mapping[str, Secret]
"""The fields of one secret: most kinds have one, a certificate has three."""

VALUE = "value"
"""The field of the kinds that have one alone."""


class SealedSection(Model):
    """
    Where SealedSecrets are kept as files, too: in a *directory* inside a git work tree, relative to secrets.yaml.

    Where *commit* is false, a person commits them.
    """

    directory: RelativePath
    commit: bool = True


class VaultPlace(Model):
    """
    Where a secret is kept: *path* is below the mount.

    *key* is for kinds of one field; *keys* tells the key of each field where a kind has several, and a field that it does
    not name is kept under its own name.
    """

    path: VaultPath
    key: DataKey | None = None
    keys: Mapping[str, DataKey] = {}


class Target(Model):
    """
    A Secret of the cluster that holds the secret's fields, or some of them.

    *key* is for kinds of one field, *keys* tells the key of each field that is wanted there. *scope* is what the sealed
    form is bound to; ``strict`` (its name and namespace) is right unless it has to move. Without *type* it is the one that
    the kind gives, see :meth:`SecretSpec.secret_type`.
    """

    namespace: DnsName
    name: DnsName
    type: SecretType | None = None
    key: DataKey | None = None
    keys: Mapping[str, DataKey] = {}
    scope: Scope = Field(default=Scope.STRICT, description="strict, namespace-wide or cluster-wide")

    @property
    def secret(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name


class Workload(StrEnum):
    """What can be a consumer."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"


class PodProbe(Model):
    """A question that each new pod of a consumer answers through the API server: GET *path* on *port*."""

    port: int = Field(ge=1, le=65535, description="a port from 1 to 65535", examples=[8080])
    path: str = Field(default="/", pattern=r"^/", description="a path such as /ready")
    status: int = Field(default=200, ge=100, le=599, description="an HTTP status")


class Consumer(Model):
    """A workload that uses the secret: it is rolled when the secret changes, and has to prove that it uses the new value."""

    namespace: DnsName
    kind: Workload = Field(default=Workload.DEPLOYMENT, description="Deployment, StatefulSet or DaemonSet")
    name: DnsName
    seconds: int = Field(default=300, ge=10, le=3600, description="a time from 10 to 3600 seconds to roll")
    probe: PodProbe | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class RotationPolicy(Model):
    """When a secret is due, when it may be rotated, and how long the former value stays valid beside the new one."""

    max_age: Duration | None = None
    window: str | None = Field(
        default=None,
        pattern=r"^((mon|tue|wed|thu|fri|sat|sun)(,(mon|tue|wed|thu|fri|sat|sun))* )?\d\d:\d\d-\d\d:\d\d$",
        description='a window in UTC such as "sat,sun 02:00-05:00"',
    )
    overlap: Duration = timedelta(0)


class SecretSpec(Model):
    """
    What all kinds have in common; each kind's own specification derives from it and adds what its making needs.

    Attributes:
        FIELDS: what a secret of the kind consists of.
        CHOSEN: those of them that a person might have chosen badly: a weak one is refused.
        OVERLAPS: the former value can stay valid beside the new one.
        TYPE: of the Secret in the cluster.
    """

    FIELDS: ClassVar[tuple[str, ...]] = (VALUE,)
    CHOSEN: ClassVar[tuple[str, ...]] = (VALUE, "password")
    OVERLAPS: ClassVar[bool] = True
    TYPE: ClassVar[SecretType] = "Opaque"

    name: DnsName
    kind: str
    owner: str | None = Field(default=None, description="who is asked about it", examples=["platform@example.org"])
    vault: VaultPlace
    targets: tuple[Target, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    rotation: RotationPolicy = RotationPolicy()

    def vault_key(self, field: str) -> str:
        """Return under which key of its path in Vault *field* is kept."""
        if field == VALUE and self.vault.key is not None:
            return self.vault.key
        return self.vault.keys.get(field, field)

    def target_keys(self, target: Target) -> Mapping[str, str]:
        """Return which fields *target* holds, and under which key each."""
        if self.FIELDS == (VALUE,) and target.key is not None:
            return {VALUE: target.key}
        return target.keys or {field: field for field in self.FIELDS}

    def secret_type(self, target: Target) -> SecretType:
        """Return which type of Secret *target* is."""
        return target.type or self.TYPE
