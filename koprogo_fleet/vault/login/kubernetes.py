"""Kubernetes: a pod's service account, which Vault has the API server confirm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.vault.login.method import Login, granted, read_secret

SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True)
class Kubernetes:
    """The *role* of the method at *mount*; the file is read at each login, because the kubelet renews it."""

    role: str
    path: Path = SERVICE_ACCOUNT_TOKEN
    mount: str = "kubernetes"
    ours = True

    def log_in(self, client: Any) -> Login:
        """Return a token of the role."""
        jwt = read_secret(self.path, "the service account's token")
        return granted(client.auth.kubernetes.login(self.role, jwt.reveal(), use_token=False, mount_point=self.mount))
