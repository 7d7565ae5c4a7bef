"""Making one release as it should be, with as little as possible: nothing to change, no new revision."""

from __future__ import annotations

from pathlib import Path

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import HelmError, WaitTimeout
from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.helm.client import Helm
from koprogo_fleet.helm.compare import differences
from koprogo_fleet.helm.explain import pod_troubles
from koprogo_fleet.helm.model import Deployed
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.run_mark import is_dead, own_mark
from koprogo_fleet.helm.watch import ALONE, Watch

_BACK_SECONDS = 60.0
"""How long the API may be away before a failed upgrade can be undone: a control plane restarts in less."""


def plan(helm: Helm, release: Release, chart: Path, kubernetes: str = "") -> tuple[Difference, ...]:
    """
    Return what is not as it should be: in Helm's record, and in the cluster itself.

    What is not installed is rendered for a cluster of the release *kubernetes* without asking it: the kinds that the
    release needs may come with another one.

    Raises:
        HelmError: the chart refuses the values, or the cluster cannot be asked.
    """
    deployed = helm.deployed(release)
    if deployed is not None and deployed.is_pending:
        return (_pending(release, deployed),)
    if deployed is None:
        helm.template(release, chart, kubernetes)
        new = f"chart {chart.name} in namespace {release.namespace}"
        return (Difference(Operation.CREATE, f"release {release.name}", new=new),)
    rendered = helm.render(release, chart)
    return differences(release.name, deployed, rendered, helm.drift(release, rendered.manifest))


def apply(helm: Helm, release: Release, chart: Path, watch: Watch = ALONE, digest: str = "") -> tuple[Difference, ...]:
    """
    Make the release as it should be, and return what was not.

    A failed upgrade goes back to the last good revision; a failed first installation stays as it is, to be looked at.
    *digest* is kept in Helm's record of the new revision.

    Raises:
        HelmError: it cannot be, with the troubles of its pods.
        WaitTimeout: somebody else is at work on the release, and does not come to an end.
        Interrupted: a person stopped it.
    """
    settled = _settle(helm, release, watch.listener)
    found = plan(helm, release, chart)
    if not found:
        return settled
    watch.listener(Note(f"release {release.name}: deploying; at most {release.timeout} s"))
    try:
        if release.crds:
            helm.custom_kinds(release, chart)
        helm.upgrade(release, chart, digest, watch)
    except (HelmError, WaitTimeout) as error:
        raise _after_failure(helm, release, error, watch.listener) from error
    return (*settled, *found)


def _settle(helm: Helm, release: Release, listener: Listener) -> tuple[Difference, ...]:
    """Bring a release to rest that a Helm is, or was, at work on."""
    deployed = helm.deployed(release)
    if deployed is None or not deployed.is_pending:
        return ()
    mark = helm.writer(release, deployed.revision)
    if mark is not None and (mark == own_mark() or is_dead(mark)):
        _repair(helm, release, deployed, listener)
        return (_pending(release, deployed),)
    wait_for(
        f"release {release.name} to leave the state {deployed.status}",
        lambda: _at_rest(helm, release),
        seconds=release.timeout,
        listener=listener,
        cause="another Helm is at work on it, or was, and died",
        next_step=_by_hand(helm, release),
    )
    return ()


def _at_rest(helm: Helm, release: Release) -> None:
    deployed = helm.deployed(release)
    if deployed is not None and deployed.is_pending:
        raise NotYet(f"{deployed.status} (revision {deployed.revision})")


def _repair(helm: Helm, release: Release, deployed: Deployed, listener: Listener) -> None:
    """Undo what an earlier call of ours left half done: it was killed, or lost the API."""
    good = _last_good(helm, release)
    what = f"release {release.name}: an earlier run was stopped in the middle ({deployed.status})"
    if good is None or deployed.status == "uninstalling":
        listener(Note(f"{what}; removing its first attempt"))
        helm.uninstall(release)
    else:
        listener(Note(f"{what}; going back to revision {good}"))
        helm.rollback(release, good)


def _after_failure(helm: Helm, release: Release, error: HelmError | WaitTimeout, listener: Listener) -> HelmError:
    """Tell what its pods suffer from, then go back to the last good revision; once the API answers, if it did not."""
    lines = [error.seen]
    good = None

    def troubles() -> tuple[str, ...]:
        try:
            return pod_troubles(helm.pods(release))
        except HelmError as away:
            raise NotYet(away.seen) from away

    try:
        lines += wait_for(
            f"the Kubernetes API to answer, to undo what was done to release {release.name}",
            troubles,
            seconds=_BACK_SECONDS,
            listener=listener,
        )
        good = _last_good(helm, release)
        if good is not None:
            helm.rollback(release, good)
            lines.append(f"went back to revision {good}")
    except (HelmError, WaitTimeout) as second:
        lines.append(
            f"and then {second.seen}" if good is None else f"could not go back to revision {good}: {second.seen}"
        )
    return HelmError("\n".join(lines), cause=error.cause, next_step=error.next_step)


def _last_good(helm: Helm, release: Release) -> int | None:
    """Return the newest revision that was deployed with success and is not undone: an upgrade that fails keeps it."""
    good = [revision.number for revision in helm.history(release) if revision.status == "deployed"]
    return good[-1] if good else None


def _pending(release: Release, deployed: Deployed) -> Difference:
    old = f"{deployed.status} (revision {deployed.revision})"
    return Difference(Operation.CHANGE, f"release {release.name}", old=old, new="deployed")


def _by_hand(helm: Helm, release: Release) -> str:
    good = _last_good(helm, release)
    place = f"--namespace {release.namespace}"
    command = f"uninstall {release.name}" if good is None else f"rollback {release.name} {good}"
    return f"if nobody is at work on it: helm {command} {place}; then run the same again"
