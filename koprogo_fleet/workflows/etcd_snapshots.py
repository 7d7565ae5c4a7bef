"""Snapshots of etcd: made, listed, read back, pruned. Whoever is about to change the cluster calls :func:`save_snapshot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, KoprogoError, NotConverged
from koprogo_fleet.core.events import Note
from koprogo_fleet.hosts.k3s import snapshot_scripts as scripts
from koprogo_fleet.hosts.k3s.bucket import Bucket, Keys
from koprogo_fleet.hosts.k3s.snapshot_files import (
    DIRECTORY,
    NAME,
    S3,
    Manifest,
    ReadBack,
    Snapshot,
    faults,
    manifest_from,
    merged,
    parse_listing,
    parse_look,
    parse_read_back,
    parse_saved,
    too_many,
)
from koprogo_fleet.runner.outcome import Outcome
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.etcd_runs import asked, s3_of, servers_of, token_version, url_for
from koprogo_tasks import etcd_change, etcd_look, k3s_health

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


@dataclass(frozen=True)
class Listed:
    """
    All snapshots, the newest first, and what could not be asked.

    Attributes:
        unasked: why, by the server's name, or "s3".
    """

    snapshots: tuple[Snapshot, ...]
    unasked: Mapping[str, str]

    def age(self, now: datetime) -> timedelta | None:
        """Return how old the newest one is that is more than an empty file; None if there is none."""
        return next((now - snapshot.created for snapshot in self.snapshots if snapshot.size_bytes), None)

    def named(self, name: str) -> Snapshot:
        """
        Return the one of this name; "latest" is the newest.

        Raises:
            InputError: there is none.
        """
        for snapshot in self.snapshots:
            if name in {snapshot.name, "latest"}:
                return snapshot
        missing = "; ".join(f"{place}: {why}" for place, why in self.unasked.items())
        raise InputError(
            f"there is no snapshot {name}" + (f" (not asked: {missing})" if missing else ""),
            next_step="koprogo-fleet etcd list",
        )


def list_snapshots(run: Context) -> Listed:
    """Find every snapshot, on the servers that answer and in S3, which the first of them is asked to look into."""
    outcomes = asked(run, servers_of(run), PHASE, scripts.look_script())
    unasked = {name: outcome.error.seen for name, outcome in outcomes.items() if outcome.error}
    answers = {name: outcome.value for name, outcome in outcomes.items() if not outcome.error}
    found = [snapshot for name, text in answers.items() for snapshot in parse_look(name, text)]
    try:
        if place := s3_of(run):
            found += _in_s3(run, next(iter(answers), None), place)
    except KoprogoError as error:
        unasked[S3] = error.seen
    return Listed(tuple(merged(found)), unasked)


def _in_s3(run: Context, server: str | None, place: tuple[Bucket, Keys]) -> list[Snapshot]:
    if server is None:
        raise NotConverged("no server answers that could look into it")
    names = {snapshot.name for snapshot in _objects(run, server, place, place[0].manifests)}
    found = _objects(run, server, place, place[0].folder)
    return [
        replace(snapshot, manifest=_manifest(run, server, place, snapshot.name))
        if f"{snapshot.name}.json" in names
        else snapshot
        for snapshot in found
    ]


def _objects(run: Context, server: str, place: tuple[Bucket, Keys], folder: str) -> list[Snapshot]:
    found, after = [], ""
    while True:
        query = {"list-type": "2", "prefix": f"{folder}/"} | ({"continuation-token": after} if after else {})
        answer = _look(run, server, scripts.get_script(url_for(place, "GET", "", query)), "list the bucket")
        try:
            page, after = parse_listing(folder, answer)
        except ValueError as error:
            raise NotConverged(f"s3://{place[0].name}: {error}", next_step=_LOOK_AT_S3) from error
        found += page
        if not after:
            return found


_LOOK_AT_S3 = "look at fleet.yaml's backups and at the keys in Vault; koprogo-fleet cloud plan"


def _manifest(run: Context, server: str, place: tuple[Bucket, Keys], name: str) -> Manifest | None:
    url = url_for(place, "GET", f"{place[0].manifests}/{name}.json")
    return manifest_from(_look(run, server, scripts.get_script(url), "read a manifest"))


def verify_snapshot(run: Context, snapshot: Snapshot) -> dict[str, list[str]]:
    """
    Read a snapshot back wherever it is; return what is wrong with it, by place.

    Nothing is kept of what is read. The object in S3 is read through a server, which is where it would be restored.
    """
    found = {
        server: _faults_of(asked(run, [server], PHASE, scripts.check_script(snapshot.name))[server], snapshot)
        for server in snapshot.servers
    }
    if S3 in snapshot.places:
        place = s3_of(run)
        if place is None:
            raise InputError("fleet.yaml has no backups any more", next_step="koprogo-fleet etcd list")
        script = scripts.read_back_script(url_for(place, "GET", f"{place[0].folder}/{snapshot.name}"))
        through = [*snapshot.servers, *servers_of(run)][0]
        found[S3] = _faults_of(asked(run, [through], PHASE, script)[through], snapshot)
    return found


def _faults_of(outcome: Outcome, snapshot: Snapshot) -> list[str]:
    if outcome.error:
        return [f"it cannot be read: {outcome.error.seen}"]
    return faults(snapshot.manifest, read_back(outcome.value))


def read_back(printed: str) -> ReadBack:
    """
    Return what a script said of a file.

    Raises:
        NotConverged: it said something else.
    """
    try:
        return parse_read_back(printed)
    except ValueError as error:
        raise NotConverged(f"a snapshot that was read back said of itself {printed[:200]!r}") from error


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


def overdue(listed: Listed, hours: int, now: datetime | None = None) -> str:
    """Return what is wrong with the newest snapshot's age, or "" if it is at most *hours* old."""
    age = listed.age(now or datetime.now(UTC))
    if age is None:
        return f"there is no snapshot at all in {DIRECTORY} of the servers that answered, nor in S3"
    if age > timedelta(hours=hours):
        return f"the newest snapshot is {age.total_seconds() / 3600:.1f} h old, and should be at most {hours} h"
    return ""


def _look(run: Context, server: str, script: object, what: str) -> str:
    return str(run.on_hosts([server], PHASE, etcd_look, script=script, what=what)[server].value)


def _change(run: Context, server: str, script: object, what: str, *differences: Difference) -> str:
    outcomes = run.on_hosts([server], PHASE, etcd_change, script=script, what=what, differences=differences)
    return str(outcomes[server].value)
