"""The kinds of secrets, one a file. A new kind is a file here, and a line in :data:`KINDS`."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.secrets.kinds.api_token import ApiToken
from koprogo_fleet.secrets.kinds.k3s_token import K3sToken
from koprogo_fleet.secrets.kinds.kind import Kind
from koprogo_fleet.secrets.kinds.random_password import RandomPassword
from koprogo_fleet.secrets.kinds.registry_pull_secret import RegistryPullSecret
from koprogo_fleet.secrets.kinds.s3_credentials import S3Credentials
from koprogo_fleet.secrets.kinds.ssh_key_pair import SshKeyPair
from koprogo_fleet.secrets.kinds.tls_certificate import TlsCertificate

KINDS: tuple[Kind[Any], ...] = (
    RandomPassword(),
    SshKeyPair(),
    ApiToken(),
    TlsCertificate(),
    RegistryPullSecret(),
    S3Credentials(),
    K3sToken(),
)
