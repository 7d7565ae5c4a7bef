"""What a restore or a repair of etcd is going to do: found out, and refused where it must not be done, before anything is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s import snapshot_scripts as scripts
from koprogo_fleet.hosts.k3s.newer import LIST, Newer, newer
from koprogo_fleet.hosts.k3s.restore import (
    LOOK_ALL,
    Seen,
    Step,
    operation,
    other_operations,
    parse_seen,
    step_of_chosen,
    survivor,
)
from koprogo_fleet.hosts.k3s.snapshot_files import S3, ReadBack, Snapshot, faults
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.etcd.listing import list_snapshots, read_back
from koprogo_fleet.workflows.etcd.runs import asked, s3_of, servers_of, token_path, url_for, version_at

PHASE = "Look"
RESTORE, REPAIR = "restore", "repair"


@dataclass(frozen=True)
class ResetPlan:
    """
    A cluster to be made anew from one server.

    Attributes:
        kind: :data:`RESTORE`, from *snapshot*, or :data:`REPAIR`, from what the server has.
        chosen: the server.
        peers: the other servers, which join it; their data are put away.
        agents: which are restarted.
        lost: servers that a person says are gone, or that have no K3s any more: they are provisioned afterwards.
        silent: agents that cannot be reached: they are left alone.
        begun: an earlier run has begun it: this one goes on.
        read: what was read of the snapshot; None for a repair, or where the reset is done already.
        token_version: of the snapshot's server token in Vault; *token_now* is the newest there.
        newer: what the cluster has that the snapshot has not; None where the API does not answer.
    """

    kind: str
    chosen: str
    peers: tuple[str, ...]
    agents: tuple[str, ...]
    lost: tuple[str, ...]
    silent: tuple[str, ...]
    operation: str
    begun: bool
    snapshot: Snapshot | None = None
    read: ReadBack | None = None
    token_version: int = 0
    token_now: int = 0
    newer: tuple[Newer, ...] | None = None

    @property
    def changes_token(self) -> bool:
        """Whether the cluster had another server token when the snapshot was made."""
        return self.kind == RESTORE and self.token_version != self.token_now


def look(run: Context, servers: Collection[str]) -> dict[str, Seen]:
    """Look at *servers*; one that does not answer is not in the result."""
    outcomes = asked(run, servers, PHASE, LOOK_ALL) if servers else {}
    return {name: parse_seen(outcome.value) for name, outcome in outcomes.items() if outcome.error is None}


def plan_restore(
    run: Context, name: str, *, server: str | None, lost: Collection[str], token_version: int | None
) -> ResetPlan:
    """
    Plan a restore of the snapshot *name* ("latest" is the newest one).

    Args:
        run: that looks.
        name: of the snapshot.
        server: to restore it on; None chooses one that has the file, or the first.
        lost: servers that are gone.
        token_version: of the server token of its day, where no manifest says it.

    Raises:
        InputError: there is no such snapshot or server.
        NotConverged: the snapshot is not whole, a server does not answer, or another operation was begun.
        VaultError: Vault does not have the token of its day.
    """
    seen = _seen(run, lost)
    snapshot = list_snapshots(run).named(name)
    chosen = server or _begun_on(seen) or next((one for one in snapshot.servers if one in seen), next(iter(seen)))
    _check_chosen(seen, chosen)
    read = _read(run, snapshot, chosen)
    known = run.vault.read(token_path(run.fleet))
    bound = snapshot.manifest.token_version if snapshot.manifest else 0
    made = _base(run, operation(RESTORE, chosen, read.sha256), seen, lost)
    return replace(
        made,
        snapshot=snapshot,
        read=read,
        token_version=token_version or bound or version_at(run, snapshot.created),
        token_now=known.version if known else 0,
        newer=_newer(run, seen, snapshot),
    )


def plan_repair(run: Context, *, server: str | None, lost: Collection[str]) -> ResetPlan:
    """
    Plan a repair: etcd has lost its quorum for good, and goes on with what one server has.

    Raises:
        InputError: there is no such server.
        NotConverged: etcd has its quorum, no server has data, or it cannot be told which has come furthest.
    """
    seen = _seen(run, lost)
    begun = _begun_on(seen)
    if begun is None and (well := [name for name, one in seen.items() if one.health.etcd_healthy]):
        raise NotConverged(
            f"etcd has its quorum: {', '.join(well)} can write",
            cause="a server that is down or empty is mended by provisioning it again, without a reset",
            next_step="koprogo-fleet k3s status; koprogo-fleet provision",
        )
    chosen = server or begun or survivor(seen)
    if chosen is None:
        with_data = ", ".join(name for name, one in seen.items() if one.has_data)
        raise NotConverged(
            f"it cannot be told which server's etcd has come furthest: {with_data}"
            if with_data
            else "no server has data of etcd",
            cause="their etcd does not run" if with_data else "their disks are gone, too",
            next_step="koprogo-fleet etcd repair --server NAME, for the one that was up last"
            if with_data
            else "koprogo-fleet etcd list, then koprogo-fleet etcd restore NAME",
        )
    _check_chosen(seen, chosen)
    if not seen[chosen].has_data:
        raise NotConverged(
            f"{chosen} has no data of etcd", next_step="koprogo-fleet etcd repair, without --server: it finds the one"
        )
    return _base(run, operation(REPAIR, chosen), seen, lost)


def _seen(run: Context, lost: Collection[str]) -> dict[str, Seen]:
    servers = servers_of(run)
    if unknown := sorted(set(lost) - {node.name for node in run.fleet.servers}):
        raise InputError(f"no server of this fleet: {', '.join(unknown)}", next_step="koprogo-fleet inventory show")
    seen = look(run, [name for name in servers if name not in lost])
    if silent := [node.name for node in run.fleet.servers if node.name not in seen and node.name not in lost]:
        raise NotConverged(
            f"{', '.join(silent)} cannot be asked",
            cause="with the old data it could go on as another cluster, or join none; it has to be stopped first",
            next_step=f"bring it back; if it is gone for good: {' '.join(f'--lost {name}' for name in silent)}",
        )
    if not seen:
        raise NotConverged("no server answers", next_step="koprogo-fleet provision makes new ones; then restore there")
    return seen


def _begun_on(seen: Mapping[str, Seen]) -> str | None:
    for one in seen.values():
        if one.mark:
            return one.mark.operation.split(":")[1]
    return None


def _check_chosen(seen: Mapping[str, Seen], chosen: str) -> None:
    if chosen not in seen or not seen[chosen].installed:
        raise InputError(f"{chosen} is no server that answers and has K3s", next_step=f"one of: {', '.join(seen)}")


def _base(run: Context, name: str, seen: Mapping[str, Seen], lost: Collection[str]) -> ResetPlan:
    kind, chosen = name.split(":")[:2]
    if others := other_operations(seen, name):
        server, mark = next(iter(others.items()))
        begun, on, *_ = mark.operation.split(":")
        raise NotConverged(
            f"{server}: another {begun} was begun, on {on}, and has not ended ({mark.step})",
            cause="it was interrupted; two of them would mix two clusters",
            next_step=f"go on with it: koprogo-fleet etcd {begun} … --server {on}, with the same snapshot",
        )
    agents = run.of_role(Role.AGENT)
    answering = (
        [one for one, outcome in asked(run, agents, PHASE, "true").items() if not outcome.error] if agents else []
    )
    return ResetPlan(
        kind=kind,
        chosen=chosen,
        peers=tuple(one for one, shown in seen.items() if one != chosen and shown.installed),
        agents=tuple(one for one in agents if one in answering),
        lost=tuple(sorted({*lost, *(one for one, shown in seen.items() if not shown.installed)})),
        silent=tuple(one for one in agents if one not in answering),
        operation=name,
        begun=any(one.mark for one in seen.values()),
    )


def _read(run: Context, snapshot: Snapshot, chosen: str) -> ReadBack:
    """Read the snapshot where it would be taken from, and refuse it unless it is whole."""
    place = s3_of(run)
    if chosen in snapshot.servers:
        outcome = asked(run, [chosen], PHASE, scripts.check_script(snapshot.name))[chosen]
    elif S3 in snapshot.places and place:
        url = url_for(place, "GET", f"{place[0].folder}/{snapshot.name}")
        outcome = asked(run, [chosen], PHASE, scripts.read_back_script(url))[chosen]
    else:
        raise InputError(
            f"{chosen} does not have the snapshot {snapshot.name}, and it is not in S3",
            next_step=f"restore it where it is: --server {snapshot.servers[0]}",
        )
    if outcome.error:
        raise outcome.error
    read = read_back(outcome.value)
    if found := faults(snapshot.manifest, read):
        raise NotConverged(
            f"the snapshot {snapshot.name} cannot be restored: {'; '.join(found)}",
            cause="it was cut off, or is another file; nothing was changed",
            next_step="koprogo-fleet etcd verify --all shows which are whole",
        )
    return read


def _newer(run: Context, seen: Mapping[str, Seen], snapshot: Snapshot) -> tuple[Newer, ...] | None:
    serving = next((name for name, one in seen.items() if one.health.api == "ok" and not one.mark), None)
    if serving is None:
        return None
    outcome = asked(run, [serving], PHASE, LIST)[serving]
    revision = snapshot.manifest.revision if snapshot.manifest else None
    return None if outcome.error else tuple(newer(outcome.value, snapshot.created, revision))


def is_past_reset(plan: ResetPlan, seen: Mapping[str, Seen]) -> bool:
    """Whether the chosen server has been reset already."""
    return step_of_chosen(seen[plan.chosen], plan.operation) in {Step.RESET, Step.STARTED}
