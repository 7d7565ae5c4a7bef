"""Snapshots of etcd: made and pruned. Whoever is about to change the cluster calls :func:`save_snapshot`."""

from __future__ import annotations

from collections.abc import Sequence

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.core.events import Note
from koprogo_fleet.hosts.k3s import snapshot_scripts as scripts
from koprogo_fleet.hosts.k3s.snapshot_files import (
    NAME,
    S3,
    Snapshot,
    parse_saved,
    too_many,
)
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.etcd.listing import Listed, verify_snapshot
from koprogo_fleet.workflows.etcd.runs import s3_of, servers_of, token_version, url_for
from koprogo_tasks import etcd_change, k3s_health

PHASE = "Snapshot"
ON_DEMAND = "on-demand"
"""K3s' own name for snapshots that somebody asks for."""


def save_snapshot(run: Context, server: str, name: str = ON_DEMAND) -> Snapshot:
    """
    Make a snapshot on *server*, upload it where the fleet has a bucket, read both back, and bind it to the server token.

    Args:
        run: any run whose inventory is open; where nodes are claimed, the snapshot is journalled and fenced as all changes.
        server: whose etcd member has to be healthy.
        name: of the snapshot; K3s appends the node's name and the time.

    Raises:
        InputError: the name cannot be one of a snapshot.
        NotConverged: what was read back is not what was written, or Vault has another token than the cluster.
        CommandFailed: K3s, or S3, refuses; what it said is in the error.
    """
    if not NAME.fullmatch(name):
        raise InputError(f'"{name}" cannot name a snapshot', next_step="letters, digits, dots, hyphens: before-upgrade")
    place = s3_of(run)
    version = token_version(run, server)
    bucket, keys = place or (None, None)
    made = Difference(Operation.CREATE, f"snapshot {name}", "", f"on {server}" + (f" and in {S3}" if place else ""))
    printed = _change(run, server, scripts.save_script(name, server, bucket, keys), "save a snapshot", made)
    try:
        manifest = parse_saved(printed, server, version)
    except ValueError as error:
        raise NotConverged(f"{server}: the snapshot was made, but said of itself {printed[:200]!r}") from error
    _change(run, server, scripts.keep_script(manifest), "keep the snapshot's manifest")
    if place:
        url = url_for(place, "PUT", f"{place[0].manifests}/{manifest.name}.json")
        _change(run, server, scripts.put_manifest_script(manifest.name, url), "upload the snapshot's manifest")
    places = (server, S3) if place else (server,)
    saved = Snapshot(manifest.name, manifest.created, manifest.size_bytes, places, manifest)
    broken = [f"{where}: {fault}" for where, found in verify_snapshot(run, saved).items() for fault in found]
    if broken:
        raise NotConverged(
            f"the snapshot {saved.name} was made, and cannot be read back: {'; '.join(broken)}",
            cause="the disk or the upload is at fault",
            next_step="koprogo-fleet etcd list; then make another one: koprogo-fleet etcd save",
        )
    run.listener(
        Note(
            f"snapshot {saved.name}: {saved.size_bytes} bytes, read back from {' and '.join(places)}, token version {version}"
        )
    )
    return saved


def healthy_server(run: Context) -> str:
    """
    Return the first server whose etcd member is healthy.

    Raises:
        NotConverged: none is.
    """
    assert run.nornir is not None  # noqa: S101 - the run's inventory is open
    servers = servers_of(run)
    outcomes = run_on(run.nornir, servers, "Health", k3s_health, run.listener) if servers else {}
    for server in servers:
        if outcomes[server].value and outcomes[server].value.etcd_healthy:
            return server
    raise NotConverged(
        "no server's etcd member is healthy: no snapshot can be made",
        cause="etcd has lost its quorum, or no server can be reached",
        next_step="koprogo-fleet k3s status; if the quorum is lost for good: koprogo-fleet etcd repair",
    )


def to_prune(listed: Listed, prefix: str, keep: int) -> list[Snapshot]:
    """
    Return the snapshots of a name beyond the newest *keep* ones, the oldest first.

    Raises:
        InputError: none would be kept.
    """
    if keep < 1:
        raise InputError("at least one snapshot is kept", next_step="koprogo-fleet etcd prune --keep 5")
    return too_many(listed.snapshots, prefix, keep)


def prune_snapshots(run: Context, snapshots: Sequence[Snapshot]) -> None:
    """
    Delete *snapshots* wherever they are, with their manifests.

    Raises:
        CommandFailed: K3s or S3 refuses.
    """
    place = s3_of(run)
    for snapshot in snapshots:
        gone = Difference(Operation.DELETE, f"snapshot {snapshot.name}", ", ".join(snapshot.places), "")
        through = [*snapshot.servers, *servers_of(run)][:1]
        for server in [*snapshot.servers[1:], *through]:
            bucket, keys = place if place and server in through and S3 in snapshot.places else (None, None)
            script = scripts.remove_script([snapshot.name], bucket, keys)
            _change(run, server, script, "delete a snapshot", *([gone] if server in through else []))
        if place and S3 in snapshot.places and snapshot.manifest:
            url = url_for(place, "DELETE", f"{place[0].manifests}/{snapshot.name}.json")
            _change(run, through[0], scripts.delete_script(url), "delete a snapshot's manifest")


def _change(run: Context, server: str, script: object, what: str, *differences: Difference) -> str:
    outcomes = run.on_hosts([server], PHASE, etcd_change, script=script, what=what, differences=differences)
    return str(outcomes[server].value)
