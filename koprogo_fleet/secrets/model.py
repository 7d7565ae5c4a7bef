"""``secrets.yaml``: which secrets exist, where they are kept, and where they are needed. Never a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from koprogo_fleet.core.model import Mistake, Mistakes, Model, Whole
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


class Alphabet(StrEnum):
    """What a password is made of. The first needs no quoting anywhere."""

    LETTERS_AND_DIGITS = "letters-and-digits"
    HEXADECIMAL = "hexadecimal"
    PRINTABLE = "printable"


class VaultKey(Model):
    """One key of one secret in Vault: *path* is below the mount."""

    path: VaultPath
    key: DataKey


class Target(Model):
    """One key of one Secret in the cluster."""

    namespace: DnsName
    name: DnsName
    key: DataKey

    @property
    def secret(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name


class SecretSpec(Model):
    """
    One secret: made as its *kind* says, kept in Vault, sealed into a Secret of the cluster.

    *scope* is what the sealed form is bound to; ``strict`` (its name and namespace) is right unless it has to move.
    """

    name: DnsName
    kind: Literal["random-password"] = Field(default="random-password", description="random-password")
    length: Whole = Field(default=32, ge=16, le=4096, description="a length from 16 to 4096 characters", examples=[32])
    alphabet: Alphabet = Field(
        default=Alphabet.LETTERS_AND_DIGITS, description="letters-and-digits, hexadecimal or printable"
    )
    vault: VaultKey
    target: Target
    scope: Scope = Field(default=Scope.STRICT, description="strict, namespace-wide or cluster-wide")


class SecretsFile(Model):
    """The whole file: names are unique, and no two secrets want the same key of the same Secret."""

    secrets: tuple[SecretSpec, ...] = ()

    @model_validator(mode="after")
    def _secrets_fit_together(self) -> Self:
        if found := [*_used_twice(self.secrets), *_same_target(self.secrets), *_mixed_scopes(self.secrets)]:
            raise Mistakes(found)
        return self


def _used_twice(specs: Sequence[SecretSpec]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, spec in enumerate(specs):
        earlier = first.setdefault(spec.name, index)
        if earlier != index:
            place = ("secrets", index, "name")
            yield Mistake(f'two secrets have the name "{spec.name}"', place, (place, ("secrets", earlier, "name")))


def _same_target(specs: Sequence[SecretSpec]) -> Iterator[Mistake]:
    first: dict[tuple[str, str, str], int] = {}
    for index, spec in enumerate(specs):
        earlier = first.setdefault((*spec.target.secret, spec.target.key), index)
        if earlier != index:
            place = ("secrets", index, "target")
            yield Mistake(
                f'"{spec.name}" and "{specs[earlier].name}" both want the key {spec.target.key} of the Secret '
                f"{'/'.join(spec.target.secret)}",
                place,
                (place, ("secrets", earlier, "target")),
            )


def _mixed_scopes(specs: Sequence[SecretSpec]) -> Iterator[Mistake]:
    first: dict[tuple[str, str], int] = {}
    for index, spec in enumerate(specs):
        earlier = first.setdefault(spec.target.secret, index)
        if spec.scope is not specs[earlier].scope:
            place = ("secrets", index, "scope")
            yield Mistake(
                f'"{spec.name}" is {spec.scope}, but "{specs[earlier].name}", in the same Secret, is '
                f"{specs[earlier].scope}: a Secret has one scope",
                place,
                (place, ("secrets", earlier, "scope"), ("secrets", index, "target"), ("secrets", earlier, "target")),
            )
