"""``releases.yaml`` beside ``secrets.yaml``: the one may only name what the other makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.loader import load_fleet, load_model
from koprogo_fleet.core.wording import did_you_mean
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.releases import Releases, load_releases, merged
from koprogo_fleet.secrets.model import SecretsFile

FILE_NAME = "releases.yaml"


def read_releases(directory: Path) -> Releases:
    """
    Read an environment's releases; the Secrets that they name are those that its secrets.yaml makes.

    Raises:
        FileProblems: all the mistakes.
        InputError: a file is missing.
    """
    specs = load_model(directory / "secrets.yaml", SecretsFile).secrets
    return load_releases(directory / FILE_NAME, {target.secret for spec in specs for target in spec.targets})


def kubernetes_of(directory: Path) -> str | None:
    """
    Return the release of Kubernetes that an environment's fleet.yaml wants; None where there is no such file.

    Raises:
        FileProblems: all the mistakes in it.
    """
    path = directory / "fleet.yaml"
    return load_fleet(path).k3s.version if path.exists() else None


def with_images(releases: tuple[Release, ...], tags: Mapping[str, str]) -> tuple[Release, ...]:
    """
    Return the releases, those in *tags* with this tag of their image.

    Raises:
        InputError: there is no such release.
    """
    names = [release.name for release in releases]
    for name in tags:
        if name not in names:
            raise InputError(
                f'--image: there is no enabled release "{name}"{did_you_mean(name, names)}',
                next_step=f"choose among: {', '.join(names)}",
            )
    return tuple(
        release.model_copy(update={"values": merged(release.values, {"image": {"tag": tags[release.name]}})})
        if release.name in tags
        else release
        for release in releases
    )
