"""
The file with which a cluster pulls images from a private registry, made of a user and a password that Vault has.

The password is another secret, of whatever kind: an ``api-token`` of the registry, or a static one. That one is rotated at the
registry; this one is the file made anew of it, and proven by a login.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from koprogo_fleet.core.errors import InputError, ProofFailed
from koprogo_fleet.core.model import Model, Whole
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.backend.proof import SECONDS, proven
from koprogo_fleet.secrets.backend.registry import log_in, login_in, pull_file
from koprogo_fleet.secrets.kinds.kind import Change, Origin, Tools
from koprogo_fleet.secrets.kinds.lent import kept_value
from koprogo_fleet.secrets.kinds.quiet import Quiet
from koprogo_fleet.secrets.spec import DataKey, SecretSpec, SecretType, Values, VaultPath

FILE = ".dockerconfigjson"


class KeptAt(Model):
    """A value of another secret in Vault."""

    path: VaultPath
    key: DataKey


class RegistryPullSecretSpec(SecretSpec):
    """Which registry, and as whom; the user's name is written here, or kept in Vault."""

    FIELDS: ClassVar[tuple[str, ...]] = (FILE,)
    TYPE: ClassVar[SecretType] = "kubernetes.io/dockerconfigjson"
    OVERLAPS = False

    kind: Literal["registry-pull-secret"]
    registry: str = Field(
        pattern=r"^[A-Za-z0-9.-]+(:\d{1,5})?$", description="a host, and its port", examples=["ghcr.io"]
    )
    entry: str | None = Field(default=None, min_length=1, description="the registry's name in the file")
    username: str | KeptAt = Field(description="a user, or path and key of one in Vault", examples=["koprogo"])
    password: KeptAt
    ca: str | None = Field(default=None, pattern="^/", description="the absolute path of a PEM file")
    seconds: Whole = Field(default=SECONDS, ge=1, le=600, description="a time from 1 to 600 seconds")


class RegistryPullSecret(Quiet[RegistryPullSecretSpec]):
    """Nothing is made at the registry: what another secret has there is put into the form that a kubelet reads."""

    name = "registry-pull-secret"
    spec = RegistryPullSecretSpec
    origin = Origin.ELSEWHERE

    def create(self, spec: RegistryPullSecretSpec, change: Change, tools: Tools) -> Values:
        """Make the file of what Vault has now, unless this rotation has made it."""
        if change.new:
            return change.new
        user = spec.username
        username = kept_value(tools, user.path, user.key).reveal() if isinstance(user, KeptAt) else user
        if not username or ":" in username:
            raise InputError(
                f"{spec.name}: a user's name is not empty, and has no colon: the file could not be read",
                next_step=f"look at {user.path} in Vault" if isinstance(user, KeptAt) else "mend `username`",
            )
        password: Secret = kept_value(tools, spec.password.path, spec.password.key)
        return {FILE: pull_file(spec.entry or spec.registry, username, password)}

    def prove(self, spec: RegistryPullSecretSpec, values: Values, tools: Tools) -> None:
        """Log in at the registry with what is in the file."""
        login = login_in(values.get(FILE, Secret("")), spec.entry or spec.registry)
        if login is None:
            raise ProofFailed(f"{spec.name}: the file has no login for {spec.registry}")

        def look() -> None:
            log_in(spec.registry, *login, spec.ca)

        proven(f"{spec.registry} accepts the login of {spec.name}", look, spec.seconds, tools.listener)
