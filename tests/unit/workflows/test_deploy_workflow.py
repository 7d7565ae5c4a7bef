"""What a deployment refuses before it reaches for the cluster, and what the catalogue says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import FileProblems, InputError, KoprogoError
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.core.paths import STATE_VARIABLE, state_dir
from koprogo_fleet.helm.blue_green import Images
from koprogo_fleet.helm.charts import chart_of
from koprogo_fleet.workflows.deploy import Place, Wanted, deploy, plan_deploy
from koprogo_fleet.workflows.release_files import read_releases, with_images
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.target import LAB, Choice

INVENTORY = Path(__file__).parents[3] / "inventory"
SEED = {
    "longhorn", "traefik", "cert-manager", "monitoring", "loki", "alloy", "kepler", "database", "dragonfly", "seaweedfs",
    "koprogo-api",
}  # fmt: skip
SELECTABLE = {"ingress-nginx", "promtail", "sealed-secrets"}
ROADMAP = {"argocd", "external-secrets", "linkerd", "chaos-mesh", "scylla-operator", "tempo"}


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    """Return the lab's fleet, with a state of the test's own."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    return Place(load_fleet(INVENTORY / "lab" / "fleet.yaml"), INVENTORY / "lab", Choice(LAB, "a test", "lab", None))


def test_two_deployments_at_once(place: Place) -> None:
    """While one run changes the fleet, a second one is refused, and told which one it is."""
    with (
        exclusive(state_dir(place.fleet.name), "the first"),
        pytest.raises(KoprogoError, match="another run is changing this fleet: the first"),
    ):
        deploy(place, Wanted(), ignore, Report())


def test_an_image_of_no_release(place: Place) -> None:
    """A tag for a release that is not there is refused before anything is reached, and the nearest one is named."""
    with pytest.raises(InputError, match='did you mean "koprogo-api"'):
        plan_deploy(place, Wanted(images=Images({"koprogo-ap": "1"})), ignore, Report())


def test_an_image_changes_one_value() -> None:
    """The tag is put beside the other values of the image, and into no other release."""
    releases = read_releases(INVENTORY / "lab").in_order

    ((changed,), (before,)) = with_images(releases, {"koprogo-api": "1.4.2"}), releases

    assert {**before.values["image"], "tag": "1.4.2"} == changed.values["image"]
    assert {key: value for key, value in before.values.items() if key != "image"} == {
        key: value for key, value in changed.values.items() if key != "image"
    }


def test_slots_of_a_chart_that_has_none(place: Place, tmp_path: Path) -> None:
    """Blue and green with a chart that was not made for them is refused before anything is reached."""
    (tmp_path / "secrets.yaml").write_text("secrets: []\n")
    (tmp_path / "releases.yaml").write_text("releases:\n- {name: a, namespace: n, chart: chart}\n")
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").write_text("{apiVersion: v2, name: chart, version: 1.0.0}\n")
    (tmp_path / "chart" / "values.yaml").write_text("image: {tag: '1'}\n")
    wanted = Wanted(images=Images({"a": "2"}, blue_green=True))

    with pytest.raises(InputError, match="the chart of a knows no value slot"):
        plan_deploy(replace(place, directory=tmp_path), wanted, ignore, Report())


def test_the_catalogue() -> None:
    """Production deploys every system of the seed; what is retired can be chosen, and the roadmap is off."""
    directory = INVENTORY / "production"
    releases = read_releases(directory)
    enabled = {release.name for release in releases.in_order}
    known = {release.name for release in releases.releases}

    assert SEED <= enabled
    assert (SELECTABLE | ROADMAP) <= known - enabled
    assert all(chart_of(release, directory / "releases.yaml") for release in releases.releases if release.is_local)


def test_secrets_of_releases_are_made(tmp_path: Path) -> None:
    """A Secret that secrets.yaml does not make is a mistake of releases.yaml."""
    (tmp_path / "secrets.yaml").write_text("secrets: []\n")
    (tmp_path / "releases.yaml").write_text("releases:\n- {name: a, namespace: n, chart: c, secrets: [database]}\n")

    with pytest.raises(FileProblems, match=r'secrets.yaml makes no Secret "database"'):
        read_releases(tmp_path)
