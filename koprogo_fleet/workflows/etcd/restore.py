"""
A cluster made anew from one server: a snapshot restored, or a lost quorum repaired.

Each phase looks at the servers first and does what is left there, so that a run that was killed anywhere is continued by
running the command again. No server's data are put away before the chosen one answers, and never its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s import restore_scripts as steps
from koprogo_fleet.hosts.k3s import snapshot_scripts as scripts
from koprogo_fleet.hosts.k3s.node import Tokens
from koprogo_fleet.hosts.k3s.restore import (
    DATABASE,
    SNAPSHOT,
    Seen,
    Step,
    answers,
    joined,
    step_of_chosen,
    step_of_peer,
)
from koprogo_fleet.runner.quorum import QuorumGivenUp
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.etcd.listing import read_back
from koprogo_fleet.workflows.etcd.plan import RESTORE, ResetPlan, is_past_reset, look
from koprogo_fleet.workflows.etcd.runs import s3_of, server_token, token_path, url_for
from koprogo_fleet.workflows.phases.claim import claim_hosts
from koprogo_fleet.workflows.phases.standing import forget_password
from koprogo_fleet.workflows.run import Phase, run_phases
from koprogo_tasks import check_claim, etcd_change, etcd_look, k3s_ready, read_cluster_tokens, read_kubeconfig

PHASE = "etcd"
READY_SECONDS = 300.0
VOTER_SECONDS = 240.0
NODES_SECONDS = 240.0
SERVICE = "service k3s"


def carry_out(run: Context, plan: ResetPlan) -> None:
    """
    Do what *plan* says; a person has agreed to it by the fleet's name.

    Raises:
        NotConverged: the snapshot has changed since, or a server is not where it should be.
        CommandFailed, WaitTimeout: a step failed; the same command goes on from there.
    """
    assert run.journal is not None  # noqa: S101 - a run that changes the fleet has one
    work = _Work(run, plan)
    run_phases(work.phases(), run, run.report, run.listener, step=run.journal.step)


class _Work:
    def __init__(self, run: Context, plan: ResetPlan) -> None:
        self._run = run
        self._plan = plan
        self._token = server_token(run, plan.token_version) if plan.kind == RESTORE else None

    def phases(self) -> Sequence[Phase[Context]]:
        plan = self._plan
        titled: list[tuple[str, Callable[[], None]]] = [
            ("Claim of the servers and agents", self._claim),
            (f"Snapshot: whole, on {plan.chosen}", self._fetch),
            ("K3s stops on every server", self._stop),
            (f"etcd is reset on {plan.chosen}", self._reset),
            (f"{plan.chosen} starts, and answers", self._start),
            ("Vault: the server token of the cluster", self._keep_token),
            ("The other servers join, one by one", self._join),
            ("Agents start again", self._agents),
            ("Verify", self._verify),
        ]
        if plan.kind != RESTORE:
            titled = [item for item in titled if item[1] not in (self._fetch, self._keep_token)]
        return [Phase(title, partial(_doing, work)) for title, work in titled]

    def _servers(self) -> list[str]:
        return [self._plan.chosen, *self._plan.peers]

    def _look(self) -> dict[str, Seen]:
        seen = look(self._run, self._servers())
        if missing := [name for name in self._servers() if name not in seen]:
            raise NotConverged(
                f"{', '.join(missing)} cannot be asked any more",
                next_step="bring it back, then run the same command again: it goes on from there",
            )
        return seen

    def _claim(self) -> None:
        claim_hosts(self._run, [*self._servers(), *self._plan.agents], QuorumGivenUp())

    def _fetch(self) -> None:
        plan, seen = self._plan, self._look()
        assert plan.snapshot is not None  # noqa: S101 - a restore has one
        if is_past_reset(plan, seen):
            return
        place = s3_of(self._run)
        url = None
        if plan.chosen not in plan.snapshot.servers:
            assert place is not None  # noqa: S101 - the plan has read it from there
            url = url_for(place, "GET", f"{place[0].folder}/{plan.snapshot.name}")
        script = scripts.fetch_script(SNAPSHOT, url, plan.snapshot.name)
        if read_back(self._change(plan.chosen, script, "fetch the snapshot")) != plan.read:
            raise NotConverged(
                f"the snapshot {plan.snapshot.name} is another one than when it was read first; nothing was changed",
                cause="somebody writes there, or the disk is at fault",
                next_step="koprogo-fleet etcd verify --all",
            )

    def _stop(self) -> None:
        seen = self._look()
        past = is_past_reset(self._plan, seen)
        for name in self._servers():
            if past and (name == self._plan.chosen or step_of_peer(seen[name], self._plan.operation) is Step.WIPED):
                continue
            service = seen[name].health.service
            stopped = Difference(Operation.CHANGE, SERVICE, service, "stopped")
            found = [] if service in {"inactive", "failed"} else [stopped]
            self._change(name, steps.stop_script(), "stop K3s", *found, disrupts=True)

    def _reset(self) -> None:
        plan, seen = self._plan, self._look()
        if is_past_reset(plan, seen):
            return
        if running := [name for name in self._servers() if seen[name].health.service in {"active", "activating"}]:
            raise NotConverged(
                f"K3s runs again on {', '.join(running)}: etcd was not reset",
                cause="somebody started it",
                next_step="run the same command again: it stops it",
            )
        what = f"snapshot {plan.snapshot.name}" if plan.snapshot else "its own data"
        script = steps.reset_script(
            plan.operation, self._for_config(plan.chosen), from_snapshot=plan.snapshot is not None
        )
        reset = Difference(Operation.CHANGE, "etcd", "the former cluster", f"one member, from {what}")
        self._change(plan.chosen, script, "reset etcd", reset, disrupts=True)

    def _for_config(self, server: str) -> Secret | None:
        """Return what the server's token file has to say, in the form that it has: bare, or with the CA's hash."""
        if self._token is None or not self._plan.changes_token:
            return None
        printed = self._run.on_hosts([server], PHASE, etcd_look, script=f"cat {paths.TOKEN}", what="read the token")
        before = str(printed[server].value).strip()
        head, separator, _ = before.rpartition("::server:")
        return Secret(f"{head}{separator}{self._token.reveal()}")

    def _start(self) -> None:
        plan, seen = self._plan, self._look()
        if answers(seen[plan.chosen]) or step_of_chosen(seen[plan.chosen], plan.operation) is not Step.STARTED:
            started = Difference(Operation.CHANGE, SERVICE, seen[plan.chosen].health.service, "started")
            self._change(plan.chosen, steps.start_script(plan.operation), "start K3s", started, disrupts=True)
        self._ready(plan.chosen)
        self._answers()
        fetched: Secret = self._run.on_hosts([plan.chosen], PHASE, read_kubeconfig)[plan.chosen].value
        write_atomically(self._run.kubeconfig, f"{fetched.reveal()}\n", mode=0o600)

    def _answers(self) -> Seen:
        chosen = self._plan.chosen

        def observe() -> Seen:
            seen = look(self._run, [chosen]).get(chosen)
            if seen is None:
                raise NotYet("it does not answer over SSH")
            if why := answers(seen):
                raise NotYet(why)
            return seen

        return wait_for(
            f"{chosen} answers, as the only one or with those that have joined",
            observe,
            seconds=VOTER_SECONDS,
            listener=self._run.listener,
            cause="nothing of another server was put away",
            next_step=f"on {chosen}: journalctl -u k3s -n 100; then run the same command again",
        )

    def _keep_token(self) -> None:
        run, plan = self._run, self._plan
        path = token_path(run.fleet)
        stored = run.vault.read(path)
        if stored is None or self._token is None or stored.values.get("server") == self._token:
            return
        runner = run.nornir.runner if run.nornir else None
        fence = getattr(runner, "fences", {}).get(plan.chosen, "")
        run.on_hosts([plan.chosen], PHASE, check_claim, fence=fence)
        version = run.vault.write(path, {**stored.values, "server": self._token}, expected_version=stored.version)
        run.report.differences.append(
            Difference(
                Operation.CHANGE,
                f"Vault secret {path}",
                f"version {stored.version}",
                f"version {version}: the server token of version {plan.token_version} again",
            )
        )

    def _join(self) -> None:
        plan = self._plan
        for peer in plan.peers:
            seen = self._look()
            if joined(seen[peer], seen[plan.chosen]):
                self._enabled(peer)
                continue
            self._answers()  # right before another server's data go
            if step_of_peer(seen[peer], plan.operation) is not Step.WIPED:
                self._wipe(peer, seen[peer])
            self._join_one(peer)

    def _wipe(self, peer: str, seen: Seen) -> None:
        mark = seen.mark
        moved = mark.moved if mark and mark.step is Step.WIPING else f"etcd-old-{int(time.time())}"
        gone = Difference(Operation.CHANGE, "etcd's data", paths.ETCD_DATA, f"{DATABASE}/{moved}")
        script = steps.wipe_script(self._plan.operation, moved)
        self._change(peer, script, "put etcd's data away", *([gone] if seen.has_data else []), disrupts=True)

    def _join_one(self, peer: str) -> None:
        run, chosen = self._run, self._plan.chosen
        tokens: Tokens = run.on_hosts([chosen], PHASE, read_cluster_tokens)[chosen].value
        address = next(str(node.vrack_address) for node in run.fleet.servers if node.name == chosen)
        started = Difference(Operation.CHANGE, "etcd", "no member", f"joins {chosen}")
        self._change(peer, steps.join_script(address, tokens.server), "join the cluster", started, disrupts=True)
        self._ready(peer)

        def observe() -> None:
            seen = look(run, [peer, chosen])
            if peer not in seen or chosen not in seen or not joined(seen[peer], seen[chosen]):
                raise NotYet(f"{peer} does not vote yet")

        wait_for(
            f"{peer} votes in the cluster of {chosen}",
            observe,
            seconds=VOTER_SECONDS,
            listener=run.listener,
            next_step=f"on {peer}: journalctl -u k3s -n 100; then run the same command again",
        )

    def _enabled(self, peer: str) -> None:
        self._run.on_hosts([peer], PHASE, etcd_look, script="systemctl enable --quiet k3s", what="enable K3s")

    def _agents(self) -> None:
        run, plan = self._run, self._plan
        if plan.silent:
            run.listener(Note(f"not started again, for they cannot be reached: {', '.join(plan.silent)}"))
        if not plan.agents:
            return
        if (
            plan.kind == RESTORE
        ):  # the snapshot may be older than the machines: it knows the passwords of those before them
            with run.cluster() as (cluster, _):
                for name in plan.agents:
                    forget_password(cluster, name)
        tokens: Tokens = run.on_hosts([plan.chosen], PHASE, read_cluster_tokens)[plan.chosen].value
        again = Difference(Operation.CHANGE, "service k3s-agent", "of the former cluster", "started again")
        script = steps.agent_script(tokens.agent)
        run.on_hosts(plan.agents, PHASE, etcd_change, script=script, what="start K3s again", differences=(again,))
        run.on_hosts(plan.agents, PHASE, k3s_ready, fleet=run.fleet, seconds=READY_SECONDS, listener=run.listener)

    def _verify(self) -> None:
        run, plan = self._run, self._plan
        expected = {node.name for node in run.fleet.nodes} - set(plan.lost) - set(plan.silent)
        with run.cluster() as (cluster, _):

            def observe() -> None:
                ready = {node.name for node in cluster.nodes() if node.ready}
                if missing := sorted(expected - ready):
                    raise NotYet(f"not Ready: {', '.join(missing)}")

            wait_for(
                f"all {len(expected)} nodes Ready",
                observe,
                seconds=NODES_SECONDS,
                listener=run.listener,
                next_step="koprogo-fleet k3s status; on the node: journalctl -u k3s -u k3s-agent -n 100",
            )
        seen = self._look()
        if wrong := [name for name in plan.peers if not joined(seen[name], seen[plan.chosen])]:
            raise NotConverged(f"no members of the cluster of {plan.chosen}: {', '.join(wrong)}")
        for name in (*plan.peers, plan.chosen):  # the chosen one last: its mark says that there is something to end
            self._change(name, steps.end_script(), "forget the operation")
        if plan.lost:
            run.listener(Note(f"still missing: {', '.join(plan.lost)}; koprogo-fleet provision makes them again"))
        run.listener(
            Note(f"former data of etcd are kept on the servers as {DATABASE}/etcd-old-*: remove them when all is well")
        )

    def _ready(self, server: str) -> None:
        run = self._run
        run.on_hosts([server], PHASE, k3s_ready, fleet=run.fleet, seconds=READY_SECONDS, listener=run.listener)

    def _change(self, server: str, script: str | Secret, what: str, *found: Difference, disrupts: bool = False) -> str:
        outcomes = self._run.on_hosts(
            [server], PHASE, etcd_change, script=script, what=what, differences=found, disrupts_etcd=disrupts
        )
        return str(outcomes[server].value)


def _doing(work: Callable[[], None], _run: Context) -> None:
    work()


def agreed_to(plan: ResetPlan, fleet: str, typed: frozenset[str]) -> None:
    """
    Do nothing, if the fleet's name was given.

    Raises:
        InputError: it was not; nothing was changed.
    """
    if fleet not in typed:
        raise InputError(
            f"nothing was changed: the name of the fleet, {fleet}, was not given",
            cause="what is newer than the snapshot would be lost"
            if plan.snapshot
            else "what only the lost had is lost",
            next_step=f"add --confirm {fleet}, or run it on a terminal and type the name",
        )
