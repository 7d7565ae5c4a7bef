"""The releases alone, on the lab's cluster: the promises of ``deploy``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab_fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]  # the first of a folder provisions


@pytest.fixture
def releases_file(fleet: Fleet) -> Iterator[str]:
    """Yield the text of releases.yaml; what a test writes there is undone, and deployed away."""
    path = fleet.inventory / "releases.yaml"
    text = path.read_text()
    yield text
    path.write_text(text)
    fleet.events("deploy")


def revisions(fleet: Fleet) -> list[str]:
    """Return Helm's records of the API: one for each revision."""
    return fleet.kubectl("get", "secrets", "-n", "koprogo", "-l", "owner=helm", "-o", "name").split()


def test_what_is_right_is_left_alone(fleet: Fleet) -> None:
    """After provisioning there is nothing to deploy: no difference, no new revision."""
    before = revisions(fleet)

    planned, deployed = fleet.events("deploy", "--plan")[-1], fleet.events("deploy")[-1]

    assert (0, 0) == (planned["changed"], deployed["changed"])
    assert before == revisions(fleet)


def test_a_change_is_planned_deployed_and_done(fleet: Fleet, releases_file: str) -> None:
    """A changed value is one difference, exit code 3, and one new revision; the second run makes none."""
    changed = releases_file.replace("    values:\n", "    values:\n      podAnnotations: {koprogo.io/test: deploy}\n")
    (fleet.inventory / "releases.yaml").write_text(changed)
    before = revisions(fleet)

    planned = fleet.run("deploy", "--plan", "--json")
    first = fleet.events("deploy")[-1]
    after = revisions(fleet)
    second = fleet.events("deploy")[-1]

    assert planned.returncode == 3, planned.stdout + planned.stderr
    assert "release koprogo-api" in planned.stdout
    assert (1, 0) == (first["changed"], second["changed"])
    assert 1 == len(set(after) - set(before))
    assert after == revisions(fleet)


def test_users_are_asked_for(fleet: Fleet, releases_file: str) -> None:
    """Smoke tests go through the load balancer; a deployment that they do not find well goes back, and says what was wrong."""
    path, before = fleet.inventory / "releases.yaml", revisions(fleet)
    smoke = (
        "    smoke: [{path: /health, contains: TEXT}]\n    values:\n      podAnnotations: {koprogo.io/test: smoke}\n"
    )
    changed = releases_file.replace("timeout: 300", "timeout: 20").replace("    values:\n", smoke)

    path.write_text(changed.replace("TEXT", "wonderful"))
    failed, asked = fleet.run("deploy"), fleet.run("releases", "smoke")
    path.write_text(changed.replace("TEXT", "healthy"))
    deployed, well = fleet.run("deploy"), fleet.run("releases", "smoke")

    said = failed.stdout + failed.stderr
    assert (1, 1) == (failed.returncode, asked.returncode), said
    assert '"wonderful" is not in the answer' in said
    assert "went back to revision" in said
    assert (0, 0) == (deployed.returncode, well.returncode), deployed.stdout + deployed.stderr
    assert len(before) < len(revisions(fleet))


@pytest.mark.exhaustive
def test_a_release_that_fails_goes_back(fleet: Fleet, releases_file: str) -> None:
    """An image that no node has: exit code 1, the reason is told, and the pods of the last good revision still answer."""
    path = fleet.inventory / "releases.yaml"
    path.write_text(releases_file.replace("timeout: 300", "timeout: 30"))

    failed = fleet.run("deploy", "--image", "koprogo-api=unheard-of")

    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "went back to revision" in failed.stdout + failed.stderr
    assert "200" == fleet.on(
        "koprogo-cp-1", "curl -sf --max-time 5 -o /dev/null -w %{http_code} http://10.0.0.21:30080/health"
    )


HEALTH = "http://10.0.0.21:30080/health"
SECOND = """
k3s ctr images tag --force docker.io/library/koprogo-api:lab docker.io/library/koprogo-api:second
"""
ASKING = f"""
rm -f /run/asked-enough
while [ ! -e /run/asked-enough ]; do
    curl -s --max-time 5 -o /dev/null -w '%{{http_code}}\\n' {HEALTH} || true
    sleep 0.1
done
"""
KEPT_NO_LONGER = "    blue_green: {keep: 0s}\n"


@pytest.mark.exhaustive
def test_slots_change_while_users_ask(fleet: Fleet, releases_file: str) -> None:
    """A second image comes by slots, and goes again as the guide says: every question of a user is answered meanwhile."""
    path = fleet.inventory / "releases.yaml"
    for node in ("koprogo-worker-1", "koprogo-worker-2", "koprogo-worker-3"):
        fleet.on(node, SECOND)
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(fleet.on, "koprogo-cp-1", ASKING, timeout=900)
        try:
            fleet.events("deploy", "--image", "koprogo-api=second", "--blue-green")
            serving = fleet.kubectl("get", "service", "koprogo-api", "-n", "koprogo", "-o", "jsonpath={.spec.selector}")
            after = fleet.summary("deploy", "--plan")
            for active in ("green", '""'):
                path.write_text(releases_file.replace("    values:\n", f"    values:\n      activeSlot: {active}\n"))
                fleet.events("deploy")
        finally:
            fleet.on("koprogo-cp-1", "touch /run/asked-enough")
    path.write_text(releases_file.replace("    probes:", f"{KEPT_NO_LONGER}    probes:"))
    fleet.events("deploy")

    assert '"koprogo.io/slot":"green"' in serving
    assert 0 == after["changed"]
    assert {"200"} == set(answers.result().split())
    assert "green" not in fleet.kubectl("get", "deployments", "-n", "koprogo", "-o", "name")
