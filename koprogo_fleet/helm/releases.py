"""``releases.yaml``: the Helm releases that should exist, and all the mistakes in the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from koprogo_fleet.core.errors import FileProblems, Problem
from koprogo_fleet.core.loader import load_model
from koprogo_fleet.core.model import Mistake, Mistakes, Model, Place
from koprogo_fleet.core.wording import did_you_mean
from koprogo_fleet.core.yamlfile import parse_yaml
from koprogo_fleet.helm.plain_secrets import plain_secrets
from koprogo_fleet.helm.policy import Exemption
from koprogo_fleet.helm.release import Release

SecretName = tuple[str, str]
"""Namespace and name of a Secret."""


class Releases(Model):
    """
    The whole file: names are unique, needs exist, are enabled, and never go in circles.

    Charts from elsewhere have a version, and nothing that looks like a secret is among the values. *exemptions* are the
    rules of the security policy that somebody has decided not to keep.
    """

    releases: tuple[Release, ...] = ()
    exemptions: tuple[Exemption, ...] = ()

    @model_validator(mode="after")
    def _releases_fit_together(self) -> Self:
        if found := [
            *_used_twice(self.releases),
            *_unknown_needs(self.releases),
            *_disabled_needs(self.releases),
            *_circles(self.releases),
            *_unpinned(self.releases),
            *_plain_secrets(self.releases),
            *_exempted_nobody(self.releases, self.exemptions),
        ]:
            raise Mistakes(found)
        return self

    @property
    def in_order(self) -> tuple[Release, ...]:
        """The enabled releases, each after those that it needs."""
        by_name = {release.name: release for release in self.releases if release.enabled}
        order = TopologicalSorter({name: release.needs for name, release in by_name.items()}).static_order()
        return tuple(by_name[name] for name in order)


def load_releases(path: Path, known_secrets: Collection[SecretName] | None = None) -> Releases:
    """
    Read ``releases.yaml`` as its environment has it: that is the name of its folder.

    Args:
        path: the file.
        known_secrets: what secrets.yaml makes; None where nobody asks.

    Raises:
        FileProblems: all mistakes in it and in its files of values, with line numbers.
        InputError: a file is missing.
    """
    written = load_model(path, Releases)
    environment = path.absolute().parent.name
    problems = list(_unknown_secrets(path, written.releases, known_secrets))
    resolved = []
    for release in written.releases:
        values, found = _values(path, release, environment)
        problems += found
        enabled = release.is_enabled_in(environment)
        resolved.append(release.model_copy(update={"values": values, "enabled": enabled}))
    if problems:
        raise FileProblems(problems)
    return Releases.model_construct(releases=tuple(resolved), exemptions=written.exemptions)


def value_files(release: Release, environment: str) -> tuple[str, ...]:
    """Return the release's files of values in an environment, in the order in which they are merged."""
    overlay = release.environments.get(environment)
    return (*release.values_files, *(overlay.values_files if overlay else ()))


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as Helm merges them: fields into fields, anything else as a whole."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _values(path: Path, release: Release, environment: str) -> tuple[dict[str, Any], list[Problem]]:
    """Return all values of a release, the environment's last, and what is wrong with its files of them."""
    overlay = release.environments.get(environment)
    layers, problems = [], []
    for files, inline in (
        (release.values_files, release.values),
        (overlay.values_files, overlay.values) if overlay else ((), {}),
    ):
        for name in files:
            values, found = _values_file(path.parent / name, release)
            layers.append(values)
            problems += found
        layers.append(inline)
    result: dict[str, Any] = {}
    for layer in layers:
        result = merged(result, layer)
    return result, problems


def _values_file(path: Path, release: Release) -> tuple[Mapping[str, Any], list[Problem]]:
    document = parse_yaml(path, next_step=f"correct `values_files` of the release {release.name}")
    problems = list(document.problems)
    values = document.data if document.data is not None else {}
    if not isinstance(values, dict):
        return {}, [*problems, Problem(path, document.line(()), "expected fields (name: value)")]
    for place, message in plain_secrets(values, frozenset(release.secrets)):
        problems.append(Problem(path, document.line(place), message))
    return values, problems


def _unknown_secrets(
    path: Path, releases: Sequence[Release], known: Collection[SecretName] | None
) -> Iterator[Problem]:
    if known is None:
        return
    document = parse_yaml(path)
    for index, release in enumerate(releases):
        there = [name for namespace, name in known if namespace == release.namespace]
        for position, name in enumerate(release.secrets):
            if name not in there:
                yield Problem(
                    path,
                    document.line(("releases", index, "secrets", position)),
                    f'secrets.yaml makes no Secret "{name}" in the namespace {release.namespace}'
                    f"{did_you_mean(name, there)}",
                )


def _used_twice(releases: Sequence[Release]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, release in enumerate(releases):
        place = ("releases", index, "name")
        earlier = first.setdefault(release.name, index)
        if earlier != index:
            yield Mistake(f'two releases have the name "{release.name}"', place, (place, ("releases", earlier, "name")))


def _needs(releases: Sequence[Release]) -> Iterator[tuple[Release, str, Place]]:
    for index, release in enumerate(releases):
        for position, need in enumerate(release.needs):
            yield release, need, ("releases", index, "needs", position)


def _unknown_needs(releases: Sequence[Release]) -> Iterator[Mistake]:
    names = [release.name for release in releases]
    for release, need, place in _needs(releases):
        if need not in names:
            hint = did_you_mean(need, [name for name in names if name != release.name])
            yield Mistake(f'release "{release.name}" needs "{need}", which is not in this file{hint}', place, (place,))


def _disabled_needs(releases: Sequence[Release]) -> Iterator[Mistake]:
    """Look at each environment that is named, and at all others, which are as the file has it outside of them."""
    environments = ["", *dict.fromkeys(name for release in releases for name in release.environments)]
    by_name = {release.name: release for release in releases}
    for release, need, place in _needs(releases):
        for environment in environments:
            needed = by_name.get(need)
            if needed and release.is_enabled_in(environment) and not needed.is_enabled_in(environment):
                where = f" in {environment}" if environment else ""
                yield Mistake(f'release "{release.name}" needs "{need}", which is not enabled{where}', place, (place,))
                break


def _circles(releases: Sequence[Release]) -> Iterator[Mistake]:
    try:
        TopologicalSorter({release.name: release.needs for release in releases}).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        index = next(index for index, release in enumerate(releases) if release.name == circle[0])
        place = ("releases", index, "needs")
        yield Mistake(f"releases need each other in a circle: {' -> '.join(circle)}", place, (place,))


def _unpinned(releases: Sequence[Release]) -> Iterator[Mistake]:
    for index, release in enumerate(releases):
        place = ("releases", index, "chart")
        if not release.is_local and release.version is None:
            yield Mistake(f'release "{release.name}": a chart from elsewhere is pinned: add a version', place, (place,))
        if release.is_local and release.digest is not None:
            digest = ("releases", index, "digest")
            yield Mistake(
                f'release "{release.name}": its chart is a directory, which has no digest: remove it, or add a repository',
                digest,
                (digest, place),
            )


def _plain_secrets(releases: Sequence[Release]) -> Iterator[Mistake]:
    for index, release in enumerate(releases):
        names = frozenset(release.secrets)
        layers: list[tuple[Place, Mapping[str, Any]]] = [(("values",), release.values)]
        layers += [(("environments", name, "values"), overlay.values) for name, overlay in release.environments.items()]
        for start, values in layers:
            for place, message in plain_secrets(values, names):
                at = ("releases", index, *start, *place)
                yield Mistake(f'release "{release.name}": {message}', at, (at,))


def _exempted_nobody(releases: Sequence[Release], exemptions: Sequence[Exemption]) -> Iterator[Mistake]:
    names = [release.name for release in releases]
    for index, exemption in enumerate(exemptions):
        place = ("exemptions", index, "release")
        if exemption.release not in names:
            hint = did_you_mean(exemption.release, names)
            yield Mistake(
                f'an exemption is for release "{exemption.release}", which is not in this file{hint}', place, (place,)
            )
