"""What runs on the cluster: secrets from Vault, then the Helm releases."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock

from koprogo_fleet.core.events import Note
from koprogo_fleet.core.loader import load_model
from koprogo_fleet.helm.binary import find_tools
from koprogo_fleet.helm.client import Helm
from koprogo_fleet.helm.engine import Engine
from koprogo_fleet.helm.outcome import conclude
from koprogo_fleet.runner.interrupt import interruptible
from koprogo_fleet.secrets import push
from koprogo_fleet.secrets.files import sealed_files
from koprogo_fleet.secrets.model import SecretsFile
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.claim import still_ours
from koprogo_fleet.workflows.release_files import FILE_NAME, read_releases
from koprogo_fleet.workflows.secrets.engine import engine_of


def secrets(run: Context) -> None:
    """Make the secrets that Vault lacks, seal what the cluster lacks, and prove what it has."""
    if not _cluster_exists(run):
        return
    written = load_model(run.directory / "secrets.yaml", SecretsFile)
    specs, files = written.secrets, sealed_files(written, run.directory, run.listener)
    with run.cluster() as (cluster, _):
        if run.dry_run:
            run.report.differences += push.plan(specs, run.vault, cluster, run.listener, files)
        else:
            still_ours(run)
            make = engine_of(run, cluster, specs, "provision", files).first
            run.report.differences += push.apply(specs, run.vault, cluster, make, files=files, listener=run.listener)


def releases(run: Context) -> None:
    """Install or upgrade what differs, side by side, each release after those that it needs are proven ready."""
    if not _cluster_exists(run):
        return
    wanted = read_releases(run.directory).in_order
    with run.cluster() as (cluster, kubeconfig), interruptible() as interruption:
        engine = Engine(
            Helm(run.tools or find_tools(run.listener), kubeconfig),
            cluster,
            run.directory / FILE_NAME,
            run.listener,
            stopping=lambda: interruption.stopping,
            allowed=partial(_once_at_a_time, Lock(), partial(still_ours, run)),
        )
        outcomes = engine.plan(wanted) if run.dry_run else engine.apply(wanted)
    run.report.differences += [difference for outcome in outcomes for difference in outcome.differences]
    conclude(outcomes)


def _once_at_a_time(lock: Lock, ask: Callable[[], None]) -> None:
    with lock:  # a run of Nornir is not made for several threads
        ask()


def _cluster_exists(run: Context) -> bool:
    if run.kubeconfig.exists() and run.hosts:
        return True
    run.listener(Note("there is no cluster yet: not planned"))
    return False
