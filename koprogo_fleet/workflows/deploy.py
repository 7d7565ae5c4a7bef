"""``koprogo-fleet deploy``: the releases alone, on a cluster that is there."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.helm.binary import find_tools
from koprogo_fleet.helm.blue_green import AS_IT_IS, Images, refuse_without_slots
from koprogo_fleet.helm.charts import chart_of, chart_yaml
from koprogo_fleet.helm.client import Helm
from koprogo_fleet.helm.engine import Asked, Engine
from koprogo_fleet.helm.graph import EVERYTHING, Selection
from koprogo_fleet.helm.outcome import Outcome, conclude
from koprogo_fleet.helm.release import Release
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.runner.interrupt import interruptible
from koprogo_fleet.workflows.access import api_tunnel
from koprogo_fleet.workflows.answers import answers_on
from koprogo_fleet.workflows.certificates import logged_in
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.release_files import FILE_NAME, read_releases, with_images
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.smoke import all_of, asked_by_users, way_in
from koprogo_fleet.workflows.target import Choice

COMMAND = "deploy"


@dataclass(frozen=True)
class Place:
    """The fleet that a deployment is for: its fleet.yaml, the folder of that, and where it is."""

    fleet: Fleet
    directory: Path
    choice: Choice


@dataclass(frozen=True)
class Wanted:
    """What a person asks of a deployment: which releases, and which tags of images instead of the file's."""

    selection: Selection = EVERYTHING
    images: Images = AS_IT_IS


def plan_deploy(place: Place, wanted: Wanted, listener: Listener, report: Report) -> tuple[Outcome, ...]:
    """
    Find what differs between releases.yaml and the cluster, and change nothing; *report* takes it.

    Raises:
        FileProblems: all the mistakes of the files.
        NotConverged: a release cannot be planned, or its chart cannot be had.
        KoprogoError: the cluster cannot be reached.
    """
    releases = _releases(place, wanted)
    with _engine(place, lambda _release: "", listener) as engine:
        return _concluded(report, engine.plan(releases, wanted.selection, wanted.images))


def deploy(place: Place, wanted: Wanted, listener: Listener, report: Report) -> tuple[Outcome, ...]:
    """
    Make the releases as releases.yaml says; *report* takes what differed.

    Raises:
        KoprogoError: another run is changing this fleet.
        FileProblems: all the mistakes of the files.
        NotConverged: a release failed, was held back, or has no chart; the others are as they should be.
        Interrupted: a person stopped it; running it again goes on from there.
    """
    releases = _releases(place, wanted)
    state = state_dir(place.fleet.name)
    users = asked_by_users(way_in(place.fleet, place.choice, releases, listener))
    with (
        exclusive(state, COMMAND),
        Journal(state, COMMAND, place.choice.kind, listener=listener) as journal,
        _engine(place, users, listener) as engine,
        journal.step("releases"),
    ):
        return _concluded(report, engine.apply(releases, wanted.selection, wanted.images))


def _releases(place: Place, wanted: Wanted) -> tuple[Release, ...]:
    releases = with_images(read_releases(place.directory).in_order, wanted.images.tags)
    if wanted.images.blue_green:
        for release in releases:
            if release.name in wanted.images.tags:
                chart = chart_of(release, place.directory / FILE_NAME)
                refuse_without_slots(release, releases, chart_yaml(chart, "values.yaml"))
    return releases


def _concluded(report: Report, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
    report.differences += [difference for outcome in outcomes for difference in outcome.differences]
    conclude(outcomes)
    return outcomes


@contextmanager
def _engine(place: Place, users: Asked, listener: Listener) -> Generator[Engine]:
    fleet, directory = place.fleet, place.directory
    tools = find_tools(listener)
    servers = [node.name for node in fleet.servers]
    with logged_in(fleet, place.choice, listener):
        nornir = open_nornir(directory)
        try:
            with (
                api_tunnel(nornir, servers, state_dir(fleet.name)) as kubeconfig,
                Cluster.from_file(kubeconfig) as cluster,
                interruptible() as interruption,
            ):
                yield Engine(
                    Helm(tools, kubeconfig),
                    cluster,
                    directory / FILE_NAME,
                    listener,
                    stopping=lambda: interruption.stopping,
                    answers=all_of(answers_on(nornir, fleet), users),
                )
        finally:
            nornir.close_connections()
