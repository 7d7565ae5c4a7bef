"""All releases of a cluster, side by side where nothing stands between them; each proven before what needs it begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import (
    ChartUnavailable,
    HelmError,
    Interrupted,
    KoprogoError,
    KubernetesError,
    WaitTimeout,
)
from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.helm import deploy
from koprogo_fleet.helm.blue_green import AS_IT_IS, Images, Slotted, api_peers, with_slots
from koprogo_fleet.helm.charts import chart_of
from koprogo_fleet.helm.client import Helm
from koprogo_fleet.helm.explain import pod_troubles
from koprogo_fleet.helm.graph import EVERYTHING, Selection, State, selected, turn
from koprogo_fleet.helm.look import Look, input_digest, keep_digest, look
from koprogo_fleet.helm.outcome import Outcome
from koprogo_fleet.helm.ready import missing, missing_secrets
from koprogo_fleet.helm.records import DEPLOYED, NOT_KEPT, key_of, manifests
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.slot_answers import slot_troubles
from koprogo_fleet.helm.watch import Watch
from koprogo_fleet.kube.client import Cluster

PARALLEL = 4
"""Releases at once: each is a Helm, and a burst of images for the same nodes."""

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
"""The label of nodes with an API server."""

Asked = Callable[[Release], str]
"""Says what a release does not answer from outside; nothing where all is well."""


@dataclass(frozen=True)
class Engine:
    """
    What deploys releases.

    Attributes:
        helm: on the cluster.
        cluster: the same one.
        file: releases.yaml, which local charts are named relative to.
        listener: is told of everything.
        stopping: says whether a person wants the run to end.
        allowed: raises where this run may not change the cluster any more.
        answers: asks a release from outside.
    """

    helm: Helm
    cluster: Cluster
    file: Path
    listener: Listener
    stopping: Callable[[], bool] = lambda: False
    allowed: Callable[[], None] = lambda: None
    answers: Asked = lambda _release: ""
    parallel: int = PARALLEL

    def plan(
        self, releases: Sequence[Release], selection: Selection = EVERYTHING, images: Images = AS_IT_IS
    ) -> tuple[Outcome, ...]:
        """
        Find what differs, and change nothing.

        Args:
            releases: the enabled ones, in order.
            selection: which of them.
            images: the tags of images that are among their values by this run's wish, and how they come.

        Raises:
            InputError: the selection names none.
            KubernetesError: the cluster cannot be asked.
        """
        run = self._run(releases, selection, images, dry_run=True)
        about = [release for release in run.slotted.releases if release.name in run.slotted.names]
        return run.all([release.model_copy(update={"needs": ()}) for release in about])

    def apply(
        self, releases: Sequence[Release], selection: Selection = EVERYTHING, images: Images = AS_IT_IS
    ) -> tuple[Outcome, ...]:
        """
        Make every selected release as it should be; those that they need, and nobody selected, are proven ready alone.

        A release that fails holds what needs it, and nothing else. The arguments and errors are those of :meth:`plan`.
        """
        run = self._run(releases, selection, images, dry_run=False)
        names = run.slotted.names
        needed = {need for release in run.slotted.releases if release.name in names for need in release.needs}
        run.proven_alone = frozenset(needed - names)
        about = [release for release in run.slotted.releases if release.name in names | needed]
        return run.all(
            [
                release.model_copy(update={"needs": ()}) if release.name in run.proven_alone else release
                for release in about
            ]
        )

    def _run(self, releases: Sequence[Release], selection: Selection, images: Images, *, dry_run: bool) -> _Run:
        names, seen = selected(releases, selection), look(self.cluster)
        slotted = with_slots(releases, names, seen, images, datetime.now(UTC), self._peers)
        return _Run(self, seen, self.cluster.version(), slotted, dry_run)

    def _peers(self) -> Sequence[Mapping[str, object]]:
        return api_peers(self.cluster.objects("v1", "Node", CONTROL_PLANE))


@dataclass
class _Run:
    engine: Engine
    look: Look
    kubernetes: str
    slotted: Slotted
    dry_run: bool
    proven_alone: frozenset[str] = frozenset()
    states: dict[str, State] = field(default_factory=dict)

    def all(self, releases: Sequence[Release]) -> tuple[Outcome, ...]:
        """Run the graph to its end."""
        by_name = {release.name: release for release in releases}
        needs = {release.name: release.needs for release in releases}
        waiting, outcomes = list(by_name), []
        running: dict[Future[Outcome], str] = {}
        with ThreadPoolExecutor(self.engine.parallel, "release") as pool:
            while waiting or running:
                if self.engine.stopping():
                    outcomes += [Outcome(name, State.STOPPED, reason="it was not begun") for name in waiting]
                    waiting = []
                begin, held = turn(waiting, needs, self.states)
                for name, reason in held.items():
                    self._end(outcomes, Outcome(name, State.HELD, reason=reason))
                running |= {pool.submit(self._timed, by_name[name]): name for name in begin}
                waiting = [name for name in waiting if name not in held and name not in begin]
                if running and not held:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        running.pop(future)
                        self._end(outcomes, future.result())
        order = {name: index for index, name in enumerate(by_name)}
        return tuple(
            sorted(
                (outcome for outcome in outcomes if outcome.name not in self.proven_alone or outcome.error),
                key=lambda outcome: order[outcome.name],
            )
        )

    def _end(self, outcomes: list[Outcome], outcome: Outcome) -> None:
        self.states[outcome.name] = outcome.state
        outcomes.append(outcome)
        if outcome.state is not State.UNCHANGED:
            self.engine.listener(Note(str(outcome)))

    def _timed(self, release: Release) -> Outcome:
        begin = time.monotonic()
        return replace(self._outcome(release), seconds=time.monotonic() - begin)

    def _outcome(self, release: Release) -> Outcome:
        try:
            if release.name in self.proven_alone:
                self._prove(release, self.look.manifest(release))
                return Outcome(release.name, State.UNCHANGED)
            if release.name in self.slotted.removed:
                return self._removed(release)
            return self._planned(release) if self.dry_run else self._applied(release)
        except ChartUnavailable as error:
            return Outcome(release.name, State.SKIPPED, reason=error.seen, error=error)
        except Interrupted as error:
            return Outcome(release.name, State.STOPPED, reason=error.seen, error=error)
        except KoprogoError as error:
            return Outcome(release.name, State.FAILED, reason=error.seen, error=error)

    def _planned(self, release: Release) -> Outcome:
        chart = chart_of(release, self.engine.file)
        if self.look.is_as_wanted(release, input_digest(release, chart, self.kubernetes)):
            return Outcome(release.name, State.UNCHANGED)
        found = deploy.plan(self.engine.helm, release, chart, self.kubernetes)
        return Outcome(release.name, State.DIFFERS if found else State.UNCHANGED, found)

    def _removed(self, release: Release) -> Outcome:
        found = (Difference(Operation.DELETE, f"release {release.name}"),)
        if self.dry_run:
            return Outcome(release.name, State.DIFFERS, found)
        self.engine.allowed()
        self.engine.helm.uninstall(release)
        return Outcome(release.name, State.REMOVED, found)

    def _applied(self, release: Release) -> Outcome:
        chart = chart_of(release, self.engine.file)
        digest = input_digest(release, chart, self.kubernetes)
        if self.look.is_as_wanted(release, digest):
            try:
                self._prove(release, self.look.manifest(release))
            except WaitTimeout as error:
                raise self._switched_back(release, chart, error) from error
            return Outcome(release.name, State.UNCHANGED)
        self._wait(
            f"the Secrets of release {release.name}", release, lambda: missing_secrets(self.engine.cluster, release)
        )
        self.engine.allowed()
        found = deploy.apply(self.engine.helm, release, chart, self._watch(), digest)
        record = self.look.records.get(key_of(release))
        if not found and record is not None:
            keep_digest(self.engine.cluster, release, record, digest)
        try:
            self._prove(release, self._manifest(release))
        except WaitTimeout as error:
            raise self._undone(release, error) if found else error from error
        return Outcome(release.name, State.DEPLOYED if found else State.UNCHANGED, found)

    def _undone(self, release: Release, error: WaitTimeout) -> HelmError:
        """Go back to what was deployed before this run: Helm holds a revision for good that was never proven."""
        revision = self.look.deployed.get(key_of(release), NOT_KEPT).revision
        seen = error.seen
        if revision:
            self.engine.helm.rollback(release, revision)
            seen = f"{seen}\nwent back to revision {revision}"
        return HelmError(seen, cause=error.cause, next_step=error.next_step)

    def _switched_back(self, release: Release, chart: Path, error: WaitTimeout) -> KoprogoError:
        """Send to the old slot again: an earlier run, which ended in the middle, has left it to this one to prove the new."""
        back = self.slotted.back.get(release.name)
        if back is None:
            return error
        deploy.apply(self.engine.helm, back, chart, self._watch(), input_digest(back, chart, self.kubernetes))
        return HelmError(f"{error.seen}\nswitched back", cause=error.cause, next_step=error.next_step)

    def _prove(self, release: Release, manifest: str) -> None:
        """Wait until everything that dependants count on is seen."""
        if not manifest:
            raise HelmError(
                f"release {release.name} is not deployed",
                cause="nobody selected it, and another one needs it",
                next_step="deploy it first, or all: koprogo-fleet deploy",
            )
        engine = self.engine
        self._wait(
            f"release {release.name} to be proven ready",
            release,
            lambda: (
                missing(engine.cluster, release, manifest)
                or engine.answers(release)
                or slot_troubles(engine.cluster, release, manifest)
            ),
        )

    def _wait(self, condition: str, release: Release, look_at: Callable[[], str]) -> None:
        def observe() -> None:
            if self.engine.stopping():
                raise Interrupted(f"stopped while waiting for {condition}", next_step="run the same again")
            try:
                seen = look_at()
            except KubernetesError as error:
                seen = error.seen
            if seen:
                raise NotYet(seen)

        wait_for(
            condition,
            observe,
            seconds=release.timeout,
            interval=0.2,
            listener=self.engine.listener,
            next_step=f"koprogo-fleet kubectl -- get pods,events --namespace {release.namespace}",
        )

    def _manifest(self, release: Release) -> str:
        secrets = self.engine.cluster.objects("v1", "Secret", f"{DEPLOYED},name={release.name}")
        return manifests(secrets).get(key_of(release), NOT_KEPT).manifest

    def _watch(self) -> Watch:
        return Watch(self.engine.listener, self.engine.stopping, self._troubles)

    def _troubles(self, release: Release) -> str:
        try:
            pods = self.engine.cluster.objects("v1", "Pod", f"app.kubernetes.io/instance={release.name}")
        except KubernetesError as error:
            return error.seen
        mine = [pod for pod in pods if pod["metadata"]["namespace"] == release.namespace]
        return "; ".join(pod_troubles({"items": mine}))
