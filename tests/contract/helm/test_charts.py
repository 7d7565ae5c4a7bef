"""Charts from elsewhere: fetched over the wire, pinned, kept, refused when they are others; and looked through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chart_servers import registry, repository, serving
from standin_charts import SETTINGS, WORKLOAD, pack, write_chart

from koprogo_fleet.core.errors import ChartUnavailable, HelmError, InputError
from koprogo_fleet.core.paths import CACHE_VARIABLE
from koprogo_fleet.helm.binary import Tools
from koprogo_fleet.helm.charts import chart_of, digest_of
from koprogo_fleet.helm.fetch import fetch
from koprogo_fleet.helm.lint import Findings, lint
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.releases import load_releases
from koprogo_fleet.workflows.charts import fetch_charts

HERE = Path("releases.yaml")


@pytest.fixture
def archive(tmp_path: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return a packed chart; the cache is the test's own from now on (the programs are found before)."""
    assert tools.helm.is_file()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return pack(write_chart(tmp_path, "small", SETTINGS), tmp_path / "small.tgz")


def release_of(place: str, **fields: Any) -> Release:
    """Return a release of the chart in the repository at *place*."""
    return Release(
        name="small",
        namespace="n",
        version="1.0.0",
        **{"chart": "small", "repository": f"http://{place}/charts", **fields},
    )


def test_from_a_repository(archive: bytes) -> None:
    """A pinned chart is fetched once; then it is in the cache, also when the repository is gone."""
    with serving(repository("small", "1.0.0", archive)) as place:
        release = release_of(place, digest=digest_of(archive))
        with pytest.raises(ChartUnavailable, match="not in"):
            chart_of(release, HERE)
        assert release.digest == fetch(release)

    assert release.digest == fetch(release)
    assert archive == chart_of(release, HERE).read_bytes()


def test_from_a_registry(archive: bytes) -> None:
    """The same over OCI, from a registry that wants its anonymous token."""
    with serving(registry("charts/small", "1.0.0", archive), token=True) as place:
        release = release_of(place, chart=f"oci://{place}/charts/small", repository=None, digest=digest_of(archive))

        assert release.digest == fetch(release)
    assert archive == chart_of(release, HERE).read_bytes()


def test_another_archive_is_refused(archive: bytes) -> None:
    """A chart that was published anew is not taken, and one that was changed in the cache is not used."""
    wrong = "sha256:" + "0" * 64
    with serving(repository("small", "1.0.0", archive)) as place:
        with pytest.raises(InputError, match=f"not {wrong}"):
            fetch(release_of(place, digest=wrong))
        release = release_of(place, digest=digest_of(archive))
        fetch(release)
    kept = chart_of(release, HERE)
    kept.write_bytes(archive + b"\0")

    with pytest.raises(InputError, match="has the digest"):
        chart_of(release, HERE)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"chart": "smal"}, 'did you mean "small"'),
        ({"version": "1.0.1"}, 'did you mean "1.0.0"'),
    ],
)
def test_no_such_chart(fields: dict[str, str], complaint: str, archive: bytes) -> None:
    """A chart or version that the repository does not have is told, with what may be meant."""
    with (
        serving(repository("small", "1.0.0", archive)) as place,
        pytest.raises(InputError, match=complaint),
    ):
        fetch(release_of(place).model_copy(update=fields))


def test_pinning_has_to_be_asked_for(archive: bytes) -> None:
    """An unpinned chart is fetched only where a person says so, and its digest is returned to be written down."""
    with serving(repository("small", "1.0.0", archive)) as place:
        release = release_of(place)
        refused = fetch_charts([release], may_pin=False)
        taken = fetch_charts([release], may_pin=True)

    assert "is not pinned" in refused.failed[0]
    assert {"small": digest_of(archive)} == taken.new_digests
    with pytest.raises(HelmError, match="no answer"):
        fetch(release)


def test_lint(archive: bytes, tmp_path: Path, tools: Tools) -> None:
    """Every mistake has its file and line and a did-you-mean; what is not here is told, and what is, rendered."""
    schema = {"type": "object", "additionalProperties": False, "properties": {"colour": {"type": "string"}}}
    write_chart(tmp_path, "strict", SETTINGS, schema=schema, values={"colour": "green"})
    broken = {**SETTINGS, "data": {"colour": '{{ required "a colour is needed" .Values.shade }}'}}
    write_chart(tmp_path, "broken", broken)
    (tmp_path / "more.yaml").write_text("# comment\ncolor: red\n")
    path = tmp_path / "releases.yaml"
    far: dict[str, Any] = {"chart": "small", "repository": "https://charts.example.org", "version": "1.0.0"}
    releases: list[dict[str, Any]] = [
        {"name": "good", "chart": "strict", "values": {"colour": "blue"}},
        {"name": "typo", "chart": "strict", "values_files": ["more.yaml"]},
        {"name": "broken", "chart": "broken"},
        {"name": "unpinned", **far},
        {"name": "unfetched", **far, "digest": digest_of(archive)},
    ]
    lines = ",\n".join(json.dumps({"namespace": "n", **release}) for release in releases)
    path.write_text(f'{{"releases": [\n{lines}\n]}}\n')

    found = lint(path, load_releases(path), tools, "1.33")

    assert [(tmp_path / "more.yaml", 2), (path, 4)] == [(problem.file, problem.line) for problem in found.problems]
    assert 'knows no value "color"; did you mean "colour"?' in found.problems[0].message
    assert "a colour is needed" in found.problems[1].message
    assert ["has no digest yet", "is not in"] == [
        next(text for text in ("has no digest yet", "is not in") if text in reason) for reason in found.unseen
    ]
    assert ["good"] == [item.release for item in found.rendered]


def test_lint_of_manifests(tmp_path: Path, tools: Tools) -> None:
    """What breaks a rule and is not exempted is told, and what Kubernetes would refuse; so is an exemption that nothing needs."""
    wrong = {**WORKLOAD, "spec": {**WORKLOAD["spec"], "replicsa": 2}}
    write_chart(tmp_path, "loose", wrong)
    path = tmp_path / "releases.yaml"

    def looked(*rules: str) -> Findings:
        reason = "nobody is to call this one"
        exemptions = [{"rule": rule, "release": "loose", "object": "Deployment/*", "reason": reason} for rule in rules]
        release = {"name": "loose", "namespace": "n", "chart": "loose"}
        path.write_text(f'{{"releases": [{json.dumps(release)}],\n"exemptions": {json.dumps(exemptions)}}}\n')
        return lint(path, load_releases(path), tools, "1.33")

    (plain,) = looked().rendered
    broken = [finding.rule.id for finding in plain.breaches]
    found = looked(*broken, "not-privileged")
    (exempted,) = found.rendered

    assert "not-root" in broken
    assert ['did you mean "replicas"?'] == [problem.message.rpartition("; ")[2] for problem in plain.refused]
    assert ((), len(broken)) == (exempted.breaches, len(exempted.policy.exempted))
    assert ['nothing needs the exemption of release "loose" from not-privileged any more'] == [
        problem.message for problem in found.problems
    ]
    assert 2 == found.problems[0].line
    assert not found.is_right


def test_whose_schemas_nobody_knows(tmp_path: Path, tools: Tools) -> None:
    """Without a release of Kubernetes the schemas are not asked: that is told, and is not right."""
    write_chart(tmp_path, "plain", SETTINGS)
    path = tmp_path / "releases.yaml"
    path.write_text('{"releases": [{"name": "plain", "namespace": "n", "chart": "plain"}]}\n')

    found = lint(path, load_releases(path), tools, None)

    assert [()] == [item.breaches for item in found.rendered]
    assert "--kubernetes" in found.unseen[0]
    assert not found.is_right
