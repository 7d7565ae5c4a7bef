"""What a fleet needs of Vault: engines, roles and policies, planned as values and then written."""

from __future__ import annotations

from koprogo_fleet.vault.setup.objects import Authority, Document, Mount, Wanted
from koprogo_fleet.vault.setup.plan import Step, plan
from koprogo_fleet.vault.setup.policies import Purpose
from koprogo_fleet.vault.setup.wanted import AppRoleLogin, JwtLogin, KubernetesLogin, Pki, Wishes, wanted
from koprogo_fleet.vault.setup.work import apply, observe

__all__ = [
    "AppRoleLogin",
    "Authority",
    "Document",
    "JwtLogin",
    "KubernetesLogin",
    "Mount",
    "Pki",
    "Purpose",
    "Step",
    "Wanted",
    "Wishes",
    "apply",
    "observe",
    "plan",
    "wanted",
]
