"""The engine of rotations, with what a run has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.secrets.files import SealedFiles
from koprogo_fleet.secrets.kinds.kind import Tools
from koprogo_fleet.secrets.kinds.lent import K3S_TOKEN, OBJECT_STORAGE, VAULT_PKI, VAULT_VALUES
from koprogo_fleet.secrets.rotation.delivery import ToCluster
from koprogo_fleet.secrets.rotation.engine import Engine
from koprogo_fleet.secrets.spec import SecretSpec
from koprogo_fleet.vault.pki import PkiAuthority
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.rotation.service import K3sTokenService


def engine_of(
    run: Context, cluster: Cluster, specs: Sequence[SecretSpec], command: str, files: SealedFiles | None = None
) -> Engine:
    """
    Return what rotates the secrets of a run.

    Args:
        run: has Vault, the listener, and the journal.
        cluster: where the Secrets and their consumers are.
        specs: all of secrets.yaml.
        command: what is done, for whoever is refused meanwhile.
        files: in git; None where secrets.yaml wants none.
    """
    session = run.vault.session
    services: Mapping[str, Callable[..., Any]] = {
        VAULT_VALUES: run.vault.read,
        VAULT_PKI: partial(PkiAuthority, session),
        OBJECT_STORAGE: lambda: run.api,
        K3S_TOKEN: partial(K3sTokenService, run=run),
    }
    tools = Tools(lambda: session, lambda: cluster, run.listener, services)
    delivery = ToCluster(specs, run.vault, cluster, run.listener, files=files)
    file = delivery.file if files else None
    engine = Engine(run.vault, run.fleet.vault.folder, delivery, tools, command, run.listener, file=file)
    return engine if run.journal is None else engine.journaled(run.journal.step)
