"""
Which release of K3s each node has, or joins with.

A running node keeps what it has: another release means a restart of every K3s in the right order, with the nodes emptied
first, and that is ``koprogo-fleet k3s upgrade``. Provisioning only tells of the difference.
"""

from __future__ import annotations

from koprogo_fleet.core.events import Note
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.upgrade import joins_with
from koprogo_fleet.workflows.artifacts import sha256_of
from koprogo_fleet.workflows.context import Context
from koprogo_tasks import Artifact, k3s_release

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


def artifacts_of(run: Context, release: str) -> tuple[Artifact, ...]:
    """Return the binary of a release, first, and the images; a pinned checksum is that of fleet.yaml's release alone."""
    fleet = run.fleet
    if release != fleet.k3s.version:
        other = fleet.k3s.model_copy(update={"version": release, "sha256": None})
        fleet = fleet.model_copy(update={"k3s": other})
    binary = run.target.k3s(fleet)
    run.listener(Note(f"k3s is {binary.origin}"))
    return (
        Artifact(binary.path, paths.BINARY, binary.sha256),
        *(
            Artifact(image, f"{paths.IMAGES}/{image.name}", sha256_of(image), mode="0644")
            for image in run.target.images()
        ),
    )
