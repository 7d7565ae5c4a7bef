"""
Which release of K3s each node has, or joins with.

A running node keeps what it has: another release means a restart of every K3s in the right order, with the nodes emptied
first, and that is ``koprogo-fleet k3s upgrade``. Provisioning only tells of the difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import K3s
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.upgrade import joins_with
from koprogo_fleet.workflows.artifacts import published, release_images, sha256_of
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.k3s_setup import image_archives
from koprogo_tasks import Artifact, Download, k3s_release

PHASE = "K3s"


def releases(run: Context) -> dict[str, str]:
    """Return, by node, the release that it keeps, or that it is given because it has none; tell where fleet.yaml differs."""
    outcomes = run.on_hosts(run.hosts, PHASE, k3s_release)
    found: dict[str, Release] = {name: outcome.value for name, outcome in outcomes.items() if outcome.value}
    wanted = Release.find(run.fleet.k3s.version)
    assert wanted is not None  # noqa: S101 - fleet.yaml's model has checked it
    joining = joins_with(wanted, list(found.values()))
    if others := {name: release for name, release in found.items() if release != wanted}:
        told = ", ".join(f"{name} {release}" for name, release in others.items())
        run.listener(
            Note(f"fleet.yaml wants K3s {wanted}; left as they are: {told}. To change it: koprogo-fleet k3s upgrade")
        )
    return {name: str(found.get(name, joining)) for name in run.hosts}


def artifacts_of(run: Context, release: str) -> tuple[Artifact | Download, ...]:
    """Return the program of a release, first, and the images: as fleet.yaml says, pushed or fetched by the nodes themselves."""
    wanted = _section(run, release)
    if wanted.install == "online":
        url, sha256 = published(wanted)
        run.listener(Note(f"k3s is {release}: each node downloads {url}, and checks it"))
        return (Download(url, paths.BINARY, sha256), *_images(image_archives(run)))
    return pushed_artifacts_of(run, release)


def pushed_artifacts_of(run: Context, release: str) -> tuple[Artifact, ...]:
    """Return the binary of a release, first, and the images, all of which are here; a node fetches nothing."""
    wanted = _section(run, release)
    binary = run.target.k3s(run.fleet.model_copy(update={"k3s": wanted}))
    run.listener(Note(f"k3s is {binary.origin}"))
    archives = list(image_archives(run))
    if wanted.install == "airgap":
        archives += release_images(wanted, binary, run.listener)
    return (Artifact(binary.path, paths.BINARY, binary.sha256), *_images(archives))


def _section(run: Context, release: str) -> K3s:
    """Return fleet.yaml's section for a release; a pinned checksum is that of fleet.yaml's own alone."""
    wanted = run.fleet.k3s
    return wanted if release == wanted.version else wanted.model_copy(update={"version": release, "sha256": None})


def _images(archives: Iterable[Path]) -> tuple[Artifact, ...]:
    return tuple(Artifact(path, f"{paths.IMAGES}/{path.name}", sha256_of(path), mode="0644") for path in archives)
