"""The engine of rotations, with what a run has."""

from __future__ import annotations

from collections.abc import Sequence

from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.secrets.kinds.kind import Tools
from koprogo_fleet.secrets.rotation.delivery import ToCluster
from koprogo_fleet.secrets.rotation.engine import Engine
from koprogo_fleet.secrets.spec import SecretSpec
from koprogo_fleet.workflows.context import Context


def engine_of(run: Context, cluster: Cluster, specs: Sequence[SecretSpec], command: str) -> Engine:
    """
    Return what rotates the secrets of a run.

    Args:
        run: has Vault, the listener, and the journal.
        cluster: where the Secrets and their consumers are.
        specs: all of secrets.yaml.
        command: what is done, for whoever is refused meanwhile.
    """
    tools = Tools(lambda: run.vault, lambda: cluster, run.listener)
    delivery = ToCluster(specs, run.vault, cluster, run.listener)
    engine = Engine(run.vault, run.fleet.vault.folder, delivery, tools, command, run.listener)
    return engine if run.journal is None else engine.journaled(run.journal.step)
