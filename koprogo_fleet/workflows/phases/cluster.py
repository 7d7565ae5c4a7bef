"""K3s on the nodes: the artefacts everywhere, then the first server, the other servers one by one, the agents at once."""

from __future__ import annotations

from koprogo_fleet.core.contradictions import JOIN_TOKENS
from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.helm.binary import find_tools
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.node import Tokens
from koprogo_fleet.secrets.generate import random_password
from koprogo_fleet.workflows.artifacts import sha256_of
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.claim import still_ours
from koprogo_tasks import (
    Artifact,
    k3s,
    k3s_is_installed,
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


def artifacts(run: Context) -> None:
    """Put the K3s binary on every node, and the images that it imports on every node that runs pods."""
    run.tools = find_tools(run.listener)  # what cannot be had is told before a node has K3s
    binary = run.target.k3s(run.fleet)
    run.listener(Note(f"k3s is {binary.origin}"))
    run.artifacts = (
        Artifact(binary.path, paths.BINARY, binary.sha256),
        *(
            Artifact(image, f"{paths.IMAGES}/{image.name}", sha256_of(image), mode="0644")
            for image in run.target.images()
        ),
    )
    run.on_hosts(run.hosts, "Artefacts", push_k3s_artifacts, artifacts=run.artifacts, dry_run=run.dry_run)


def first_server(run: Context) -> None:
    """Start the cluster, or bring its first server to its desired state, and fetch the kubeconfig."""
    run.passwords = _passwords(run)
    first = run.present([run.fleet.first_server])
    if not first:
        return
    _bring_up(run, first, run.passwords)
    if not run.dry_run:
        fetched: Secret = run.on_hosts(first, PHASE, read_kubeconfig)[first[0]].value
        write_atomically(run.kubeconfig, f"{fetched.reveal()}\n", mode=0o600)


def other_servers(run: Context) -> None:
    """Join the other control planes one at a time, so that etcd never has more than one member on its way."""
    others = [name for name in run.of_role(Role.SERVER) if name != run.fleet.first_server.name]
    if others and run.passwords and (tokens := _join_tokens(run)):
        for name in others:
            _bring_up(run, [name], Tokens(tokens.server, run.passwords.agent))


def agents(run: Context) -> None:
    """Join all workers at once."""
    workers = run.of_role(Role.AGENT)
    if workers and (tokens := _join_tokens(run)):
        _bring_up(run, workers, tokens)


def _bring_up(run: Context, names: list[str], tokens: Tokens) -> None:
    run.on_hosts(names, PHASE, k3s, fleet=run.fleet, tokens=tokens, artifacts=run.artifacts, dry_run=run.dry_run)
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


def _join_tokens(run: Context) -> Tokens | None:
    """Return the full tokens from the first server, or None in a plan for a cluster that does not exist yet."""
    first = run.present([run.fleet.first_server])
    if run.dry_run and not (first and run.on_hosts(first, PHASE, k3s_is_installed)[first[0]].value):
        run.listener(Note("the other nodes join once the first server runs: not planned yet"))
        return None
    tokens: Tokens = run.on_hosts(first, PHASE, read_cluster_tokens)[first[0]].value
    return tokens
