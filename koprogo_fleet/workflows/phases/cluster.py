"""K3s on the nodes: the artefacts everywhere, then who has the cluster, the servers that join one by one, the agents."""

from __future__ import annotations

from koprogo_fleet.core.contradictions import JOIN_TOKENS
from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.helm.binary import find_tools
from koprogo_fleet.hosts.k3s.founding import Standing, url
from koprogo_fleet.hosts.k3s.node import Tokens
from koprogo_fleet.secrets.kinds.random_password import random_password
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.claim import still_ours
from koprogo_fleet.workflows.phases.releases import artifacts_of, releases
from koprogo_fleet.workflows.phases.standing import forget_former_lives, joins, look
from koprogo_tasks import (
    Artifact,
    Download,
    download_k3s,
    give_up_founding,
    k3s,
    k3s_ready,
    push_k3s_artifacts,
    read_cluster_tokens,
    read_kubeconfig,
)

PHASE = "K3s"
TOKEN_NAMES = ("server", "agent")
PENDING = "_next"
"""Ends the key in Vault under which a token waits that a rotation is about to give to the cluster."""
ROTATED_BY = {"server": "token", "agent": "agent-token"}
PASSWORD_LENGTH = 48
READY_SECONDS = 300.0
NOT_YET = "the other nodes join once the first server runs: not planned yet"


def artifacts(run: Context) -> None:
    """
    Put the K3s binary on every node, and the images that it imports on every node that runs pods.

    Each node keeps the release that it has, see :mod:`.releases`.
    """
    run.tools = find_tools(run.listener)  # what cannot be had is told before a node has K3s
    release_of = releases(run)
    by_release = {release: artifacts_of(run, release) for release in sorted(set(release_of.values()))}
    run.artifacts = {name: by_release[release] for name, release in release_of.items()}
    downloads = {name: item for name, own in run.artifacts.items() for item in own if isinstance(item, Download)}
    if downloads:
        run.on_hosts(list(downloads), "Download", download_k3s, downloads=downloads, dry_run=run.dry_run)
    pushed = {name: [item for item in own if isinstance(item, Artifact)] for name, own in run.artifacts.items()}
    run.on_hosts(run.hosts, "Artefacts", push_k3s_artifacts, artifacts=pushed, dry_run=run.dry_run)


def first_server(run: Context) -> None:
    """
    Begin the cluster, if there is none; or bring the servers that have it to their desired state. Fetch the kubeconfig.

    Which of the two is decided from what the nodes show, never from their numbers: see :mod:`.standing`.
    """
    run.passwords = _passwords(run)
    found = look(run)
    if found is None:
        run.listener(Note(NOT_YET))
        return
    if found.founder:
        _bring_up(run, [found.founder], run.passwords)
        run.founded = not run.dry_run
    tokens = _join_tokens(run) if found.holders else run.passwords
    for names in _in_turn(run, found):
        begins = joins(run, names)[names[0]] is None  # it has the bare passwords as long as it says so
        _bring_up(run, names, run.passwords if begins else Tokens(tokens.server, run.passwords.agent))
    if not run.dry_run:
        has_it = found.anchor or found.founder or found.holders[0]
        fetched: Secret = run.on_hosts([has_it], PHASE, read_kubeconfig)[has_it].value
        write_atomically(run.kubeconfig, f"{fetched.reveal()}\n", mode=0o600)


def other_servers(run: Context) -> None:
    """Join the control planes that have no data one at a time, so that etcd never has more than one member on its way."""
    found = run.standing
    if run.passwords is None or found is None:
        return
    if joining := [name for name in found.joining if name != found.founder]:
        if run.dry_run and found.founder:
            run.listener(Note(NOT_YET))
            return
        if not run.dry_run:
            look(run)
            forget_former_lives(run, joining)
        tokens = _join_tokens(run)
        for name in joining:
            _bring_up(run, [name], Tokens(tokens.server, run.passwords.agent))
    _nobody_founds(run)


def agents(run: Context) -> None:
    """Join all workers at once."""
    workers = run.of_role(Role.AGENT)
    if not workers or run.standing is None:
        return
    if run.dry_run and run.standing.founder:
        run.listener(Note(NOT_YET))
        return
    forget_former_lives(run, workers)
    _bring_up(run, workers, _join_tokens(run))


def _in_turn(run: Context, found: Standing) -> list[list[str]]:
    """Return the servers that have the cluster: those that are down together, for none has a quorum alone; then each."""
    down = [name for name in found.holders if not run.presence[name].active]
    alone = [[name] for name in found.holders if name not in down or run.presence[name].founds]
    together = [name for name in down if [name] not in alone]
    return [*([together] if together else []), *alone]


def _nobody_founds(run: Context) -> None:
    """Once others have joined it, the server that began the cluster is told to join, should it lose its data one day."""
    if len(run.fleet.servers) == 1 or run.passwords is None or run.setup is None:
        return
    endpoint = run.setup.endpoint(run.fleet)
    began = [name for name in run.of_role(Role.SERVER) if run.presence[name].has_data and run.presence[name].founds]
    for name in began:
        other = next(node for node in run.fleet.servers if node.name != name)
        tokens = Tokens(_join_tokens(run).server, run.passwords.agent)
        join = url(endpoint or str(other.vrack_address))
        options = {"fleet": run.fleet, "setup": run.setup, "tokens": tokens, "join": join}
        run.on_hosts([name], PHASE, give_up_founding, dry_run=run.dry_run, **options)


def _bring_up(run: Context, names: list[str], tokens: Tokens) -> None:
    options = {"fleet": run.fleet, "setup": run.setup, "tokens": tokens, "artifacts": run.artifacts}
    run.on_hosts(names, PHASE, k3s, dry_run=run.dry_run, joins=joins(run, names), **options)
    if not run.dry_run:
        run.on_hosts(names, PHASE, k3s_ready, fleet=run.fleet, seconds=READY_SECONDS, listener=run.listener)


def _passwords(run: Context) -> Tokens:
    """Return the passwords that the cluster is started with; made once, and kept in Vault."""
    path = f"{run.fleet.vault.folder}/{JOIN_TOKENS}"
    stored = run.vault.read(path)
    values = dict(stored.values) if stored else {}
    if pending := [name for name in TOKEN_NAMES if name + PENDING in values]:
        raise InputError(
            f"the K3s {pending[0]} token is being rotated: Vault has the next one beside it ({path})",
            cause="the run that rotates it was interrupted; which of the two the servers want is not settled",
            next_step=f"koprogo-fleet k3s rotate {ROTATED_BY[pending[0]]}, which goes on; then the same again",
        )
    if missing := [name for name in TOKEN_NAMES if name not in values]:
        values |= {name: random_password(PASSWORD_LENGTH) for name in missing}
        if not run.dry_run:
            still_ours(run)
            run.vault.write(path, values, expected_version=stored.version if stored else 0)
        run.report.differences.append(Difference(Operation.CREATE, f"Vault secret {path}", new="K3s tokens"))
    return Tokens(*(values[name] for name in TOKEN_NAMES))


def _join_tokens(run: Context) -> Tokens:
    """Return the full tokens, from a server that has the cluster."""
    assert run.standing is not None  # noqa: S101 - the phases' order guarantees it
    has_it = run.standing.anchor or run.standing.founder or run.standing.holders[0]
    tokens: Tokens = run.on_hosts([has_it], PHASE, read_cluster_tokens)[has_it].value
    return tokens
