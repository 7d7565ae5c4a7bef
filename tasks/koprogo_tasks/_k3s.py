"""K3s on a node: push the artefacts, converge the files, wait with the journal in sight."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TypeVar

from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandFailed, MissingRequirement
from koprogo_fleet.core.events import Listener, ignore, on_host
from koprogo_fleet.core.fleet import Fleet, Role
from koprogo_fleet.core.permit import Action
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.fence import guard, refusal
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.diagnosis import diagnose
from koprogo_fleet.hosts.k3s.node import Addresses, Tokens
from koprogo_fleet.hosts.k3s.node import k3s as resources_of
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.service import RESTART, restart_script
from koprogo_fleet.hosts.k3s.setup import Setup
from koprogo_fleet.hosts.k3s.unit import unit_name
from koprogo_fleet.hosts.script import Handler
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.session import Session
from koprogo_fleet.ssh.upload import push_file
from koprogo_tasks._converge import converge
from koprogo_tasks._k3s_download import Download
from koprogo_tasks._node import node_of
from koprogo_tasks._permit import permit_for

Kept = TypeVar("Kept")
JOURNAL = "journalctl --unit {unit} --lines 40 --output cat --no-pager _SYSTEMD_INVOCATION_ID={invocation}"


@dataclass(frozen=True)
class Artifact:
    """A file to be on a node: the K3s binary, or an archive of images that K3s imports at its start."""

    local: Path
    remote: str
    sha256: str
    mode: str = "0755"


Artifacts = Sequence[Artifact] | Mapping[str, Sequence[Artifact]]
"""The same for all hosts, or by host: nodes may have different releases."""
Everything = Sequence[Artifact | Download] | Mapping[str, Sequence[Artifact | Download]]
"""So it is with what nodes fetch themselves."""


def checksum_of(artifacts: Sequence[Artifact | Download]) -> str:
    """Return the one checksum of all of them that K3s' unit carries."""
    return hashlib.sha256("".join(sorted(artifact.sha256 for artifact in artifacts)).encode()).hexdigest()


def push_k3s_artifacts(task: Task, artifacts: Artifacts, dry_run: bool | None = None) -> Result:
    """
    Put the K3s binary and images in place where their checksum differs; nothing is restarted here.

    Args:
        task: given by Nornir.
        artifacts: what should be on the node.
        dry_run: only look and tell.

    Returns:
        Result object with the following attributes set: changed, diff, differences.
    """
    session = session_for(task.host, task.nornir.config)
    own = _of_host(task, artifacts)
    present = checksums(session, [artifact.remote for artifact in own])
    stale = [artifact for artifact in own if present.get(artifact.remote) != artifact.sha256]
    differences = tuple(
        Difference(
            Operation.CHANGE if artifact.remote in present else Operation.CREATE,
            f"file {artifact.remote}",
            f"sha256 {present[artifact.remote][:12]}" if artifact.remote in present else "",
            f"sha256 {artifact.sha256[:12]}",
        )
        for artifact in stale
    )
    if stale and not task.is_dry_run(dry_run):
        with permit_for(task, Action(task.host.name, "upload", differences)) as permit:
            for artifact in stale:
                _push(session, artifact, permit.fence)
    return Result(host=task.host, changed=bool(stale), diff="\n".join(map(str, differences)), differences=differences)


def _of_host(task: Task, artifacts: Mapping[str, Sequence[Kept]] | Sequence[Kept]) -> Sequence[Kept]:
    return artifacts[task.host.name] if isinstance(artifacts, Mapping) else artifacts


def _push(session: Session, artifact: Artifact, fence: str | None) -> None:
    try:
        push_file(
            session,
            artifact.local,
            artifact.remote,
            mode=artifact.mode,
            sha256=artifact.sha256,
            timeout=600,
            guard=guard(fence),
        )
    except CommandFailed as error:
        if refused := refusal(session.host, error.exit_status, error.stderr):
            raise refused from error
        raise


def checksums(session: Session, files: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 sums of those of *files* that are on the node."""
    script = "".join(f"sha256sum -- '{file}' 2>/dev/null\n" for file in files)
    output = session.run_as_root("sh -s", stdin=script.encode(), timeout=120).stdout.decode()
    return {file: digest for digest, file in (line.split(maxsplit=1) for line in output.splitlines())}


def k3s(  # noqa: PLR0913 - what a node's K3s is made of
    task: Task,
    fleet: Fleet,
    tokens: Tokens,
    artifacts: Everything,
    *,
    setup: Setup,
    joins: Mapping[str, str | None],
    dry_run: bool | None = None,
) -> Result:
    """
    Converge K3s' files and service on one node; ask for one restart if any of them changed.

    The call returns before K3s is up: run :func:`k3s_ready` next. A restart may take a server's etcd member down, and so
    needs a runner that guards the quorum. Its proof for the next server cannot miss a restart that is still going on:
    the unit then has a job, or is not active, and the member does not count as healthy.

    Args:
        task: given by Nornir.
        fleet: the desired state.
        tokens: as this node needs them, see :class:`koprogo_fleet.hosts.k3s.node.Tokens`.
        artifacts: what :func:`push_k3s_artifacts` and :func:`download_k3s` put there; K3s is restarted when any of them
            is another one.
        setup: what was found out before, equal for every node.
        joins: the URL through which each node joins; None for the one that begins the cluster
            (:mod:`koprogo_fleet.hosts.k3s.founding` decides).
        dry_run: only look and tell.

    Returns:
        Result object with the following attributes set: changed, diff, differences, not_applicable.

    Raises:
        MissingRequirement: the node has no interface with the vRack's MAC address.
    """
    node = node_of(task.host, fleet)
    addresses = addresses_of(task)
    checksum = checksum_of(_of_host(task, artifacts))
    handlers = {RESTART: Handler(restart_script(unit_name(node.role)), disrupts_etcd=node.role is Role.SERVER)}
    resources = resources_of(
        fleet, node, setup, tokens=tokens, addresses=addresses, artifacts=checksum, join=joins[node.name]
    )
    return converge(task, resources, handlers=handlers, dry_run=dry_run, timeout=120)


def addresses_of(task: Task) -> Addresses:
    """
    Return what is observed of the node's interfaces.

    Raises:
        MissingRequirement: it has no interface with the vRack's MAC address.
    """
    session = session_for(task.host, task.nornir.config)
    interface = _interface_with(session, task.host["vrack"]["mac"], task.host.name)
    return Addresses(IPv4Address(task.host.hostname or ""), interface)


def _interface_with(session: Session, mac: str, host: str) -> str:
    found = session.run("grep -l . /sys/class/net/*/address | xargs grep -ix " + mac, timeout=20).stdout.decode()
    if not found:
        raise MissingRequirement(
            f"{host}: no network interface has the MAC address {mac}",
            cause="the instance is not attached to the vRack",
            next_step="koprogo-fleet inventory sync, then koprogo-fleet plan",
        )
    return found.split("/")[4]


def k3s_ready(task: Task, fleet: Fleet, seconds: float = 300, listener: Listener = ignore) -> Result:
    """
    Wait until K3s says that it is up; stop at once when its journal says that it never will be.

    Args:
        task: given by Nornir.
        fleet: the desired state.
        seconds: how long to wait.
        listener: told what is being waited for, with the journal's last line.

    Returns:
        Result that never says changed.

    Raises:
        CommandFailed: K3s keeps ending; carries the journal's last lines and what they mean.
        WaitTimeout: it neither came up nor ended.
    """
    unit = unit_name(node_of(task.host, fleet).role)
    session = session_for(task.host, task.nornir.config)
    first_restarts: list[int] = []

    def look() -> None:
        shown = session.run(
            f"systemctl show {unit} --property=ActiveState,SubState,NRestarts,InvocationID,ExecMainStatus", timeout=20
        ).stdout.decode(errors="replace")
        state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        if state.get("ActiveState") == "active":
            return
        command = JOURNAL.format(unit=unit, invocation=state.get("InvocationID", ""))
        journal = session.run_as_root(command, timeout=20).stdout.decode(errors="replace").strip()
        first_restarts.append(int(state.get("NRestarts") or 0))
        diagnosis = diagnose(journal)
        ends = first_restarts[-1] > first_restarts[0] or state.get("ActiveState") == "failed"
        if ends and diagnosis and diagnosis.hopeless:
            raise CommandFailed(
                task.host.name,
                f"{unit} does not start",
                exit_status=int(state.get("ExecMainStatus") or 1),
                stdout=journal,
                cause=diagnosis.cause,
                next_step=diagnosis.next_step,
            )
        last = journal.splitlines()[-1] if journal else "no journal line yet"
        raise NotYet(f"{state.get('ActiveState')} ({state.get('SubState')}): {last[:160]}")

    wait_for(
        f"{task.host.name}: {unit} active",
        look,
        seconds=seconds,
        listener=on_host(task.host.name, listener),
        cause="K3s waits for something: its last journal line is above",
        next_step=f"on {task.host.name}: journalctl -u {unit} -n 100",
    )
    return Result(host=task.host, changed=False)


def k3s_release(task: Task) -> Result:
    """
    Tell which release of K3s a node was given.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.hosts.k3s.release.Release`; None where K3s has no unit yet, so
        that it never ran, or where its binary names no release.
    """
    session = session_for(task.host, task.nornir.config)
    script = f"cat /etc/systemd/system/k3s*.service >/dev/null 2>&1 && {paths.BINARY} --version | head -n 1"
    said = session.run_as_root("sh -s", stdin=script.encode(), timeout=20).stdout.decode(errors="replace")
    return Result(host=task.host, result=Release.find(said))


def k3s_is_installed(task: Task) -> Result:
    """
    Tell whether a server has started once, so that others can join it.

    Returns:
        Result whose *result* is a bool.
    """
    session = session_for(task.host, task.nornir.config)
    found = session.run_as_root(f"test -s {paths.SERVER_TOKEN}", timeout=20)
    return Result(host=task.host, result=found.exit_status == 0)


def read_cluster_tokens(task: Task) -> Result:
    """
    Read the full join tokens (with the cluster CA's hash) from the first server.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.hosts.k3s.node.Tokens`.

    Raises:
        CommandFailed: the server has no such files (yet).
    """
    return Result(
        host=task.host,
        result=Tokens(_read(task, paths.SERVER_TOKEN), _read(task, paths.JOIN_AGENT_TOKEN)),
    )


def read_kubeconfig(task: Task) -> Result:
    """
    Read the administrator's kubeconfig from a server.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.core.secret.Secret`; its server is https://127.0.0.1:6443.
    """
    return Result(host=task.host, result=_read(task, paths.KUBECONFIG))


def _read(task: Task, path: str) -> Secret:
    session = session_for(task.host, task.nornir.config)
    done = session.run_as_root(f"cat {path}", timeout=20)
    if done.exit_status != 0:
        raise CommandFailed(
            task.host.name,
            f"read {path}",
            exit_status=done.exit_status,
            stderr=done.stderr.decode(errors="replace"),
            cause="K3s has not finished its first start on this server",
            next_step="koprogo-fleet k3s status",
        )
    return Secret(done.stdout.decode().strip())
