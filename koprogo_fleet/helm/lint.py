"""What is wrong with releases before any cluster is asked: their charts, their values, and what Helm makes of both."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import ChartUnavailable, KoprogoError, MissingRequirement, Problem
from koprogo_fleet.core.model import Place
from koprogo_fleet.core.wording import did_you_mean, nearest
from koprogo_fleet.core.yamlfile import Document, parse_yaml
from koprogo_fleet.helm.binary import Tools
from koprogo_fleet.helm.charts import chart_file, chart_of, chart_yaml
from koprogo_fleet.helm.client import rendered_offline
from koprogo_fleet.helm.policy import Exemption, Finding, Verdict, check, manifests_of
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.releases import Releases, value_files
from koprogo_fleet.helm.schemas import SchemaProblem, SchemaVerdict, schema_problems


@dataclass(frozen=True)
class Rendered:
    """
    A release whose chart was rendered.

    Attributes:
        release: its name.
        policy: what the security policy says of its manifests.
        schemas: what Kubernetes' schemas say of them; None where they were not asked.
    """

    release: str
    policy: Verdict
    schemas: SchemaVerdict | None

    @property
    def breaches(self) -> tuple[Finding, ...]:
        """What breaks a rule, and no exemption covers."""
        return self.policy.findings

    @property
    def refused(self) -> tuple[SchemaProblem, ...]:
        """What Kubernetes would not take."""
        return self.schemas.problems if self.schemas else ()


@dataclass(frozen=True)
class Findings:
    """What a linter found: mistakes, what could not be looked at and why, and what was rendered."""

    problems: tuple[Problem, ...]
    unseen: tuple[str, ...]
    rendered: tuple[Rendered, ...]

    @property
    def is_right(self) -> bool:
        """Whether everything was looked at, and nothing is wrong."""
        wrong = any(item.breaches or item.refused for item in self.rendered)
        return not (self.problems or self.unseen or wrong)


@dataclass(frozen=True)
class Known:
    """
    What a chart knows of its values.

    Attributes:
        defaults: its values.yaml.
        text: the same with its comments, which name more.
        schema: its values.schema.json; empty where it has none.
        others: names that belong to the charts inside of it.
    """

    defaults: Mapping[str, Any]
    text: str
    schema: Mapping[str, Any]
    others: frozenset[str]


def lint(path: Path, releases: Releases, tools: Tools, kubernetes: str | None) -> Findings:
    """
    Look at every release, also at those that are switched off: their charts and values, as far as they are on this machine.

    Args:
        path: releases.yaml.
        releases: what it says.
        tools: the helm that renders.
        kubernetes: the release that the manifests are for, ``v1.33.4+k3s1``; None where nobody knows.
    """
    document = parse_yaml(path)
    environment = path.absolute().parent.name
    problems: list[Problem] = []
    unseen, rendered = [], []
    cannot_ask = _why_no_schemas(kubernetes)
    for index, release in enumerate(releases.releases):
        try:
            chart = chart_of(release, path)
            found = list(_typos(document, index, release, environment, known_by(chart)))
            problems += found
            if not found:
                manifests = manifests_of(rendered_offline(tools, release, chart, kubernetes or ""))
                policy = check(release.name, manifests, releases.exemptions, namespace=release.namespace)
                schemas = schema_problems(manifests, kubernetes) if kubernetes and not cannot_ask else None
                rendered.append(Rendered(release.name, policy, schemas))
        except ChartUnavailable as error:
            unseen.append(error.seen)
        except KoprogoError as error:
            problems.append(Problem(path, document.line(("releases", index)), error.seen))
    if cannot_ask:
        unseen.append(cannot_ask)
    unused = {item for one in rendered for item in one.policy.unused}
    problems += _useless(document, releases.exemptions, unused)
    return Findings(tuple(problems), tuple(unseen), tuple(rendered))


def _why_no_schemas(kubernetes: str | None) -> str:
    if kubernetes is None:
        return "Kubernetes' schemas: there is no fleet.yaml that says for which release; name it: --kubernetes v1.33"
    try:
        schema_problems((), kubernetes)
    except MissingRequirement as error:
        return f"Kubernetes' schemas: {error.seen}"
    return ""


def _useless(document: Document, exemptions: Sequence[Exemption], unused: Collection[Exemption]) -> Iterator[Problem]:
    for index, exemption in enumerate(exemptions):
        if exemption in unused:
            message = f'nothing needs the exemption of release "{exemption.release}" from {exemption.rule} any more'
            yield Problem(document.path, document.line(("exemptions", index)), message)


def known_by(chart: Path) -> Known:
    """
    Return what a chart knows of its values.

    Raises:
        InputError: a file of it cannot be read.
    """
    parts = chart_yaml(chart, "Chart.yaml").get("dependencies")
    names = [part.get("alias") or part.get("name") for part in parts] if isinstance(parts, list) else []
    schema = json.loads(chart_file(chart, "values.schema.json") or "{}")
    text = chart_file(chart, "values.yaml") or ""
    return Known(chart_yaml(chart, "values.yaml"), text, schema, frozenset({"global", *map(str, names)}))


def typos(values: Mapping[str, Any], known: Known) -> Iterator[tuple[Place, str]]:
    """
    Yield the places of values that the chart does not know, each with what may be meant. Pure.

    A schema says what may be written. Without one, a chart's defaults are only examples of it: what is not among them is
    a mistake only where it is nearly the same as one of them, and nowhere in the comments either.
    """
    own = {key: value for key, value in values.items() if key not in known.others}
    yield from _typos_below(own, known.defaults, known.schema, known.text, ())


def _typos_below(
    values: Mapping[str, Any], defaults: Mapping[str, Any], schema: Mapping[str, Any], text: str, place: Place
) -> Iterator[tuple[Place, str]]:
    described = schema.get("properties", {})
    is_closed = schema.get("additionalProperties") is False
    is_open = isinstance(schema.get("additionalProperties"), Mapping)
    for key, value in values.items():
        names = [*described, *(name for name in defaults if name not in described)]
        if key in names:
            inner, inner_schema = defaults.get(key), described.get(key, {})
            if isinstance(value, Mapping) and (isinstance(inner, Mapping) or inner_schema):
                below = inner if isinstance(inner, Mapping) else {}
                yield from _typos_below(value, below, inner_schema, text, (*place, key))
        elif is_closed or (not is_open and nearest(key, names) and not _is_mentioned(key, text)):
            yield (*place, key), f'the chart knows no value "{key}"{did_you_mean(key, names)}'


def _is_mentioned(key: str, text: str) -> bool:
    return re.search(rf"^[\s#-]*{re.escape(key)}\s*:", text, re.MULTILINE) is not None


def _typos(document: Document, index: int, release: Release, environment: str, known: Known) -> Iterator[Problem]:
    for source, start, values in _written(document, index, release, environment):
        for place, message in typos(values, known):
            yield Problem(source.path, source.line((*start, *place)), f'release "{release.name}": {message}')


def _written(
    document: Document, index: int, release: Release, environment: str
) -> Iterator[tuple[Document, Place, Mapping[str, Any]]]:
    """Yield every place that values of a release are written at: in releases.yaml, and in files of their own."""
    for start in (
        ("releases", index, "values"),
        ("releases", index, "environments", environment, "values"),
    ):
        values: Any = document.data
        for step in start:
            inside = isinstance(values, list) or (isinstance(values, Mapping) and step in values)
            values = values[step] if inside else None
        if isinstance(values, Mapping):
            yield document, start, values
    for name in value_files(release, environment):
        source = parse_yaml(document.path.parent / name)
        if isinstance(source.data, Mapping):
            yield source, (), source.data
