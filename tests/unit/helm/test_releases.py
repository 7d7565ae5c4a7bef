"""releases.yaml: what it may say, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import FileProblems, InputError
from koprogo_fleet.helm.charts import chart_directory
from koprogo_fleet.helm.releases import load_releases

LAB = Path(__file__).parents[3] / "inventory" / "lab" / "releases.yaml"


def written(folder: Path, *releases: str) -> Path:
    """Write a file of these releases."""
    path = folder / "releases.yaml"
    path.write_text("releases:\n" + "".join(f"  - {{{release}}}\n" for release in releases))
    return path


def test_the_labs_file() -> None:
    """The lab deploys the KoproGo API, from the chart of this repository, and asks for its health on port 30080."""
    (release,) = load_releases(LAB).in_order

    assert (release.name, release.namespace) == ("koprogo-api", "koprogo")
    assert [(probe.node_port, probe.path, probe.status) for probe in release.probes] == [(30080, "/health", 200)]
    assert (chart_directory(release, LAB) / "templates" / "deployment.yaml").is_file()


def test_order(tmp_path: Path) -> None:
    """A release comes after those that it needs; one that is switched off does not come at all."""
    path = written(
        tmp_path,
        "name: api, namespace: a, chart: c, needs: [database, cache]",
        "name: cache, namespace: a, chart: c, needs: [storage]",
        "name: database, namespace: a, chart: c, needs: [storage]",
        "name: chaos, namespace: a, chart: c, enabled: false",
        "name: storage, namespace: a, chart: c",
    )

    names = [release.name for release in load_releases(path).in_order]

    assert sorted(names) == ["api", "cache", "database", "storage"]
    assert (names[0], names[-1]) == ("storage", "api")


@pytest.mark.parametrize(
    ("releases", "complaint"),
    [
        (["name: a, namespace: n, chart: c", "name: a, namespace: m, chart: c"], 'two releases have the name "a"'),
        (["name: a, namespace: n, chart: c, needs: [b]"], 'release "a" needs "b", which is not in this file'),
        (
            ["name: a, namespace: n, chart: c, needs: [b]", "name: b, namespace: n, chart: c, enabled: false"],
            'release "a" needs "b", which is not enabled',
        ),
        (
            ["name: a, namespace: n, chart: c, needs: [b]", "name: b, namespace: n, chart: c, needs: [a]"],
            "releases need each other in a circle",
        ),
        (["name: A, namespace: n, chart: c"], "lower-case letters"),
        (["name: a, namespace: n, chart: c, timeout: 5"], "10 to 3600 s"),
        (["name: a, namespace: n, chart: c, valeus: {x: 1}"], "values"),
        (["name: a, namespace: n, chart: c, probes: [{node_port: 80}]"], "NodePort"),
        (["name: a, namespace: n"], "chart"),
    ],
)
def test_mistakes(releases: list[str], complaint: str, tmp_path: Path) -> None:
    """Each mistake is refused, with the line and what is wrong with it."""
    path = written(tmp_path, *releases)

    with pytest.raises(FileProblems) as error:
        load_releases(path)

    assert any(complaint in problem.message for problem in error.value.problems), str(error.value)
    assert all(problem.line is not None for problem in error.value.problems)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """Contradictions are told together, not one a run."""
    path = written(
        tmp_path,
        "name: a, namespace: n, chart: c, needs: [x, y]",
        "name: a, namespace: n, chart: c",
    )

    with pytest.raises(FileProblems) as error:
        load_releases(path)

    assert [problem.line for problem in error.value.problems] == [2, 2, 3]


def test_chart_that_is_not_there(tmp_path: Path) -> None:
    """A chart that is not where the file says is an error that names the file to correct."""
    path = written(tmp_path, "name: a, namespace: n, chart: ../charts/gone")
    (release,) = load_releases(path).in_order

    with pytest.raises(InputError, match="gone") as error:
        chart_directory(release, path)

    assert str(path) in str(error.value.next_step)


def test_chart_of_another_version(tmp_path: Path) -> None:
    """A chart that was changed under a release that pins its version is refused."""
    chart = tmp_path / "chart"
    chart.mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.1.0\n")
    path = written(tmp_path, "name: a, namespace: n, chart: chart, version: 1.0.0")
    (release,) = load_releases(path).in_order

    with pytest.raises(InputError, match=r"1\.1\.0, not 1\.0\.0"):
        chart_directory(release, path)
