"""The kinds of secrets, one a file. A new kind is a file here, and a line in :data:`KINDS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koprogo_fleet.secrets.kinds.api_token import ApiToken
from koprogo_fleet.secrets.kinds.k3s_token import K3sToken
from koprogo_fleet.secrets.kinds.kind import Kind
from koprogo_fleet.secrets.kinds.postgres_role import PostgresRole
from koprogo_fleet.secrets.kinds.random_password import RandomPassword
from koprogo_fleet.secrets.kinds.registry_pull_secret import RegistryPullSecret
from koprogo_fleet.secrets.kinds.s3_credentials import S3Credentials
from koprogo_fleet.secrets.kinds.signing_key import SigningKey
from koprogo_fleet.secrets.kinds.ssh_key_pair import SshKeyPair
from koprogo_fleet.secrets.kinds.static import Static
from koprogo_fleet.secrets.kinds.tls_certificate import TlsCertificate

KINDS: tuple[Kind[Any], ...] = (
    RandomPassword(),
    SigningKey(),
    SshKeyPair(),
    ApiToken(),
    TlsCertificate(),
    RegistryPullSecret(),
    S3Credentials(),
    PostgresRole(),
    K3sToken(),
    Static(),
)

BY_NAME: Mapping[str, Kind[Any]] = {kind.name: kind for kind in KINDS}
"""The same, as ``kind:`` of secrets.yaml names them."""
