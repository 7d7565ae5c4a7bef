"""``releases.yaml``: the Helm releases that should exist, as values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.loader import load_model
from koprogo_fleet.core.model import Mistake, Mistakes, Model, Whole
from koprogo_fleet.core.sections import Port, Text
from koprogo_fleet.core.yamlfile import load_yaml

_LABEL = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

ReleaseName = Annotated[
    str,
    StringConstraints(pattern=_LABEL, max_length=53),
    Field(description="lower-case letters, digits and hyphens inside (at most 53)", examples=["koprogo-api"]),
]
Namespace = Annotated[
    str,
    StringConstraints(pattern=_LABEL, max_length=63),
    Field(description="lower-case letters, digits and hyphens inside (at most 63)", examples=["koprogo"]),
]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/"), Field(description="a path such as /health")]


class HttpProbe(Model):
    """A question asked of every worker from outside: the release is well when the answer has *status*."""

    node_port: Port
    path: UrlPath = "/"
    status: Whole = Field(default=200, ge=100, le=599, description="an HTTP status from 100 to 599")


class Release(Model):
    """
    One Helm release.

    *chart* is a directory, relative to the file that names it; *version* pins it: another one found there is an error.
    *values* are merged over the chart's own, and hold no secrets: name an existing Secret instead. *timeout* is in
    seconds, for everything to become ready. The releases in *needs* come first.
    """

    name: ReleaseName
    namespace: Namespace
    chart: Text = Field(description="the chart's directory, relative to this file")
    version: str | None = Field(default=None, pattern=r"^\d+\.\d+\.\d+", description="a version such as 0.1.0")
    values: dict[str, Any] = Field(default_factory=dict, description="values as in the chart's values.yaml")
    needs: tuple[ReleaseName, ...] = ()
    timeout: Whole = Field(default=300, ge=10, le=3600, description="a time from 10 to 3600 s", examples=[300])
    enabled: bool = Field(default=True, strict=True, description="true or false")
    probes: tuple[HttpProbe, ...] = ()


class Releases(Model):
    """The whole file: names are unique, needs exist, are enabled, and never go in circles."""

    releases: tuple[Release, ...] = ()

    @model_validator(mode="after")
    def _needs_can_be_met(self) -> Self:
        if found := [*_used_twice(self.releases), *_unmet_needs(self.releases), *_circles(self.releases)]:
            raise Mistakes(found)
        return self

    @property
    def in_order(self) -> tuple[Release, ...]:
        """The enabled releases, each after those that it needs."""
        return tuple(self._in_order())

    def _in_order(self) -> Iterator[Release]:
        by_name = {release.name: release for release in self.releases if release.enabled}
        for name in TopologicalSorter({name: release.needs for name, release in by_name.items()}).static_order():
            yield by_name[name]


def _used_twice(releases: Sequence[Release]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, release in enumerate(releases):
        place = ("releases", index, "name")
        earlier = first.setdefault(release.name, index)
        if earlier != index:
            yield Mistake(f'two releases have the name "{release.name}"', place, (place, ("releases", earlier, "name")))


def _unmet_needs(releases: Sequence[Release]) -> Iterator[Mistake]:
    enabled = {release.name: release.enabled for release in releases}
    for index, release in enumerate(releases):
        for need_index, need in enumerate(release.needs):
            place = ("releases", index, "needs", need_index)
            if need not in enabled:
                yield Mistake(f'release "{release.name}" needs "{need}", which is not in this file', place, (place,))
            elif release.enabled and not enabled[need]:
                yield Mistake(f'release "{release.name}" needs "{need}", which is not enabled', place, (place,))


def _circles(releases: Sequence[Release]) -> Iterator[Mistake]:
    try:
        TopologicalSorter({release.name: release.needs for release in releases}).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        yield Mistake(f"releases need each other in a circle: {circle}", ("releases",), (("releases",),))


def load_releases(path: Path) -> Releases:
    """
    Read ``releases.yaml``.

    Raises:
        FileProblems: all its mistakes, with line numbers.
    """
    return load_model(path, Releases)


def chart_directory(release: Release, releases_file: Path) -> Path:
    """
    Return the release's chart: a directory, named relative to *releases_file*.

    Raises:
        InputError: there is no chart, or it is not of the version that the release asks for.
    """
    directory = (releases_file.parent / release.chart).resolve()
    chart = load_yaml(
        directory / "Chart.yaml",
        next_step=f"correct the chart {release.chart!r} of the release {release.name} in {releases_file}",
    ).data
    version = chart.get("version") if isinstance(chart, dict) else None
    if release.version is not None and version != release.version:
        raise InputError(
            f"release {release.name}: the chart in {directory} has the version {version}, not {release.version}",
            cause="the chart was changed, and nobody said yet that this release follows",
            next_step=f"look at what changed, then set version: {version} in {releases_file}",
        )
    return directory
