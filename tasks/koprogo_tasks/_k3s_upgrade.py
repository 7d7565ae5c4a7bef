"""Another release of K3s on one node: staged beside the one that runs, switched to, and back."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.core.fleet import Fleet, Role
from koprogo_fleet.core.permit import Action
from koprogo_fleet.hosts.fence import BUSY_SECONDS, guard, refusal
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.service import RESTART, restart_script
from koprogo_fleet.hosts.k3s.switch import NOTHING_KEPT, Staged, Switched, back_script, staged
from koprogo_fleet.hosts.k3s.unit import unit, unit_name
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File
from koprogo_fleet.hosts.script import Handler
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.failures import command_failed
from koprogo_tasks._converge import converge
from koprogo_tasks._k3s import Artifact, checksum_of, checksums, push_k3s_artifacts
from koprogo_tasks._node import node_of
from koprogo_tasks._permit import permit_for

_SECONDS = 60.0


def stage_k3s(task: Task, artifacts: Sequence[Artifact], release: Release, dry_run: bool | None = None) -> Result:
    """
    Put another release's files beside those that K3s runs with, which go on; what is in place already is not sent.

    Args:
        task: given by Nornir.
        artifacts: the binary first, with the paths where they will belong.
        release: what the binary has to say that it is.
        dry_run: only look and tell.

    Returns:
        Result object with the following attributes set: changed, diff, differences.

    Raises:
        InputError: the binary says that it is another release; nothing that runs was touched.
    """
    session = session_for(task.host, task.nornir.config)
    in_place = checksums(session, [item.remote for item in artifacts])
    stale = [item for item in artifacts if in_place.get(item.remote) != item.sha256]
    if not stale:
        return Result(host=task.host, changed=False)
    result = push_k3s_artifacts(task, [replace(item, remote=_staged(release, item).staged) for item in stale], dry_run)
    binary = artifacts[0]
    if binary not in stale or task.is_dry_run(dry_run):
        return result
    asked = f"{shlex.quote(_staged(release, binary).staged)} --version"
    said = session.run_as_root(asked, timeout=_SECONDS).stdout.decode(errors="replace").partition("\n")[0]
    if Release.find(said) != release:
        raise InputError(
            f"{task.host.name}: the binary for {release} says that it is {said or 'nothing at all'}",
            cause="the file is another release's, or is not made for this machine",
            next_step=f"look at {binary.local}; KOPROGO_K3S_BINARY names it where it is set",
        )
    return result


def switch_k3s(
    task: Task, fleet: Fleet, artifacts: Sequence[Artifact], release: Release, dry_run: bool | None = None
) -> Result:
    """
    Replace the node's K3s by what :func:`stage_k3s` has put there, and ask for one restart; what it replaces is kept.

    The call returns before K3s is up: run :func:`koprogo_tasks.k3s_ready` next. Its configuration stays as it is:
    ``koprogo-fleet provision`` looks after that. A server needs a runner that guards etcd's quorum.

    Args:
        task: given by Nornir.
        fleet: the desired state.
        artifacts: as :func:`stage_k3s` had them.
        release: as there.
        dry_run: only look and tell.

    Returns:
        Result object with the following attributes set: changed, diff, differences.
    """
    role = node_of(task.host, fleet).role
    name = unit_name(role)
    files = [_staged(release, item) for item in artifacts]
    resources: list[Resource] = [
        Switched(release, role, files),
        File(f"/etc/systemd/system/{name}.service", unit(role, checksum_of(artifacts)), notify=(RESTART,)),
    ]
    handlers = {RESTART: Handler(restart_script(name), disrupts_etcd=role is Role.SERVER)}
    return converge(task, resources, handlers=handlers, dry_run=dry_run, timeout=120)


def roll_back_k3s(task: Task, fleet: Fleet) -> Result:
    """
    Put back the binary, unit and configuration that :func:`switch_k3s` kept, and ask for one restart.

    The datastore is not touched: what a newer API server wrote is there for the older one to read, which Kubernetes
    allows between neighbouring minors. The call returns before K3s is up.

    Returns:
        Result object with the following attributes set: changed (always), diff, differences.

    Raises:
        NotConverged: nothing was kept: the node was not switched by an upgrade.
        Fenced: another run has claimed the node; nothing was changed.
        WaitTimeout: it is a server that still serves, and etcd's quorum would not survive its restart.
    """
    host = task.host
    role = node_of(host, fleet).role
    differences = (Difference(Operation.CHANGE, "K3s", new="the release that was kept"),)
    action = Action(host.name, "roll back", differences, disrupts_etcd=role is Role.SERVER)
    session = session_for(host, task.nornir.config)
    with permit_for(task, action) as permit:
        script = guard(permit.fence) + back_script(role)
        done = session.run_as_root("sh -s", stdin=script.encode(), timeout=BUSY_SECONDS + _SECONDS)
    if done.exit_status == NOTHING_KEPT:
        raise NotConverged(
            f"{host.name}: there is no former K3s to go back to",
            cause=f"{paths.KEPT} is empty: no upgrade has replaced anything there",
            next_step=f"on {host.name}: journalctl -u {unit_name(role)} -n 100",
        )
    if done.exit_status:
        said = done.stderr.decode(errors="replace")
        raise refusal(host.name, done.exit_status, said) or command_failed(host.name, "roll back", done)
    return Result(host=host, changed=True, diff=str(differences[0]), differences=differences)


def _staged(release: Release, artifact: Artifact) -> Staged:
    return staged(release, artifact.remote, artifact.sha256, artifact.mode)
