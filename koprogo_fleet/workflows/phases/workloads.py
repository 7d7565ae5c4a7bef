"""What runs on the cluster: secrets from Vault, then the Helm releases."""

from __future__ import annotations

from koprogo_fleet.core.events import Note
from koprogo_fleet.core.loader import load_model
from koprogo_fleet.helm import deploy
from koprogo_fleet.helm.binary import find_tools
from koprogo_fleet.helm.client import Helm
from koprogo_fleet.helm.releases import chart_directory, load_releases
from koprogo_fleet.secrets import push
from koprogo_fleet.secrets.model import SecretsFile
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.claim import still_ours
from koprogo_fleet.workflows.secrets.engine import engine_of


def secrets(run: Context) -> None:
    """Make the secrets that Vault lacks, seal what the cluster lacks, and prove what it has."""
    if not _cluster_exists(run):
        return
    specs = load_model(run.directory / "secrets.yaml", SecretsFile).secrets
    with run.cluster() as (cluster, _):
        if run.dry_run:
            run.report.differences += push.plan(specs, run.vault, cluster, run.listener)
        else:
            still_ours(run)
            make = engine_of(run, cluster, specs, "provision").first
            run.report.differences += push.apply(specs, run.vault, cluster, make, listener=run.listener)


def releases(run: Context) -> None:
    """Install or upgrade what differs, each release after those that it needs."""
    if not _cluster_exists(run):
        return
    file = run.directory / "releases.yaml"
    wanted = load_releases(file).in_order
    with run.cluster() as (_, kubeconfig):
        helm = Helm(run.tools or find_tools(run.listener), kubeconfig)
        for release in wanted:
            chart = chart_directory(release, file)
            if run.dry_run:
                run.report.differences += deploy.plan(helm, release, chart)
            else:
                still_ours(run)
                run.report.differences += deploy.apply(helm, release, chart, listener=run.listener)


def _cluster_exists(run: Context) -> bool:
    if run.kubeconfig.exists() and run.hosts:
        return True
    run.listener(Note("there is no cluster yet: not planned"))
    return False
