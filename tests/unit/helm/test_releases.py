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
        (
            ["name: alpha, namespace: n, chart: c", "name: b, namespace: n, chart: c, needs: [alhpa]"],
            'did you mean "alpha"?',
        ),
        (
            [
                "name: a, namespace: n, chart: c, needs: [b]",
                "name: b, namespace: n, chart: c, environments: {production: {enabled: false}}",
            ],
            'needs "b", which is not enabled in production',
        ),
        (["name: a, namespace: n, chart: c, values: {db: {password: hunter2}}"], '"password" looks like a secret'),
        (
            ["name: a, namespace: n, chart: c, environments: {x: {values: {token: hunter2}}}"],
            '"token" looks like a secret',
        ),
        (["name: a, namespace: n, chart: c, repository: https://charts.example.org"], "add a version"),
        (["name: a, namespace: n, chart: 'oci://example.org/c'"], "add a version"),
        (["name: a, namespace: n, chart: c, repository: http://charts.example.org"], "https://"),
        (["name: a, namespace: n, chart: c, digest: 'sha256:12'"], "64 hexadecimal digits"),
        ([f"name: a, namespace: n, chart: c, digest: 'sha256:{'a' * 64}'"], "has no digest"),
        (["name: a, namespace: n, chart: c, smoke: [{status: 200}]"], "either url or path"),
    ],
)
def test_mistakes(releases: list[str], complaint: str, tmp_path: Path) -> None:
    """Each mistake is refused, with the line and what is wrong with it."""
    path = written(tmp_path, *releases)

    with pytest.raises(FileProblems) as error:
        load_releases(path)

    assert any(complaint in problem.message for problem in error.value.problems), str(error.value)
    assert all(problem.line is not None for problem in error.value.problems)


@pytest.mark.parametrize(
    ("rule", "release", "complaint"),
    [("not-rot", "a", 'did you mean "not-root"?'), ("not-root", "aa", 'release "aa", which is not in this file')],
)
def test_exemptions(rule: str, release: str, complaint: str, tmp_path: Path) -> None:
    """An exemption is for a rule and a release that exist."""
    path = written(tmp_path, "name: a, namespace: n, chart: c")
    exemption = f"{{rule: {rule}, release: {release}, object: Deployment/a, reason: it mounts the disks}}"
    path.write_text(f"{path.read_text()}exemptions:\n  - {exemption}\n")

    with pytest.raises(FileProblems) as error:
        load_releases(path)

    assert [4] == [problem.line for problem in error.value.problems]
    assert complaint in error.value.problems[0].message


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


def test_an_environment_has_its_own(tmp_path: Path) -> None:
    """Values are merged field by field: files, then the release's own, then the environment's; so is `enabled`."""
    folder = tmp_path / "production"
    folder.mkdir()
    (folder / "common.yaml").write_text("a: {x: 1, y: 1}\nb: [1, 2]\nc: 1\n")
    (folder / "more.yaml").write_text("c: 4\n")
    path = written(
        folder,
        "name: a, namespace: n, chart: c, values_files: [common.yaml], values: {a: {y: 2, z: 2}, b: [3]}, enabled: false, "
        "environments: {production: {enabled: true, values_files: [more.yaml], values: {a: {z: 3}}}}",
    )

    (release,) = load_releases(path).in_order

    assert {"a": {"x": 1, "y": 2, "z": 3}, "b": [3], "c": 4} == release.values


def test_mistakes_in_files_of_values(tmp_path: Path) -> None:
    """What looks like a secret in a file of values is told with that file and its line."""
    (tmp_path / "values.yaml").write_text("# a comment\nauth:\n  password: hunter2\n")
    path = written(tmp_path, "name: a, namespace: n, chart: c, values_files: [values.yaml]")

    with pytest.raises(FileProblems) as error:
        load_releases(path)

    (problem,) = error.value.problems
    assert (tmp_path / "values.yaml", 3) == (problem.file, problem.line)
    assert "hunter2" not in str(error.value)


def test_secrets_are_those_that_are_made(tmp_path: Path) -> None:
    """A release may name what secrets.yaml makes in its namespace; another name is told with its line."""
    path = written(tmp_path, "name: a, namespace: n, chart: c, secrets: [database, databse]")

    with pytest.raises(FileProblems, match=r'makes no Secret "databse".*did you mean "database"') as error:
        load_releases(path, {("n", "database"), ("m", "databse")})

    assert [2] == [problem.line for problem in error.value.problems]
