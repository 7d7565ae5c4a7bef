"""Which snapshots of etcd there are, how old they are, and whether they can be read: asked of the servers, and of S3 through one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from koprogo_fleet.core.errors import InputError, KoprogoError, NotConverged
from koprogo_fleet.hosts.k3s import snapshot_scripts as scripts
from koprogo_fleet.hosts.k3s.bucket import Bucket, Keys
from koprogo_fleet.hosts.k3s.snapshot_files import (
    DIRECTORY,
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
)
from koprogo_fleet.runner.outcome import Outcome
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.etcd.runs import asked, s3_of, servers_of, url_for
from koprogo_tasks import etcd_look

PHASE = "Snapshots"
_LOOK_AT_S3 = "look at fleet.yaml's backups and at the keys in Vault; koprogo-fleet cloud plan"


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
