"""What an upgrade would change, as tables."""

from __future__ import annotations

import pytest

from koprogo_fleet.helm.compare import differences
from koprogo_fleet.helm.model import Deployed, Hook, Rendered

DEPLOYMENT = """\
---
# Source: chart/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  replicas: 2
  paused: false
"""
SERVICE = """\
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {type: NodePort}
"""
SECRET = """\
---
apiVersion: v1
kind: Secret
metadata: {name: api}
data: {password: %s}
"""
HPA = """\
---
apiVersion: autoscaling/%s
kind: HorizontalPodAutoscaler
metadata: {name: api}
"""


def told(old: str, new: str, drift: str = "", *, status: str = "deployed") -> list[str]:
    """Return the differences as a person reads them."""
    return [str(item) for item in differences("r", Deployed(3, status, Rendered(old)), Rendered(new), drift)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(DEPLOYMENT + SERVICE, DEPLOYMENT + SERVICE, [], id="the same"),
        pytest.param(DEPLOYMENT + SERVICE, SERVICE + DEPLOYMENT, [], id="another order"),
        pytest.param(DEPLOYMENT, DEPLOYMENT.replace("# Source: chart", "# Source: renamed"), [], id="a comment"),
        pytest.param(DEPLOYMENT, DEPLOYMENT.replace("replicas: 2", "replicas:   2 # two"), [], id="the writing"),
        pytest.param(DEPLOYMENT, DEPLOYMENT + "---\n# nothing\n", [], id="an empty document"),
        pytest.param("", DEPLOYMENT, ["create release r: Deployment api"], id="an object more"),
        pytest.param(DEPLOYMENT + SERVICE, SERVICE, ["delete release r: Deployment api"], id="an object less"),
        pytest.param(
            DEPLOYMENT,
            DEPLOYMENT.replace("replicas: 2", "replicas: 3"),
            ["change release r: Deployment api: replicas: 2 -> replicas: 3"],
            id="another value",
        ),
        pytest.param(
            DEPLOYMENT,
            DEPLOYMENT.replace("replicas: 2", 'replicas: "2"'),
            ["change release r: Deployment api: replicas: 2 -> replicas: '2'"],
            id="another type",
        ),
        pytest.param(
            DEPLOYMENT,
            DEPLOYMENT.replace("  replicas: 2\n", ""),
            ["change release r: Deployment api: replicas: 2 -> nothing"],
            id="a field less",
        ),
        pytest.param(
            HPA % "v2beta2",
            HPA % "v2",
            [
                "change release r: HorizontalPodAutoscaler api: apiVersion: autoscaling/v2beta2 -> apiVersion: autoscaling/v2"
            ],
            id="a newer version of the API",
        ),
        pytest.param(
            SERVICE,
            SERVICE.replace("name: api", "name: api, namespace: other"),
            ["create release r: Service api", "delete release r: Service api"],
            id="another namespace",
        ),
    ],
)
def test_manifests(old: str, new: str, expected: list[str]) -> None:
    """What matters in a manifest is told, one line an object; what does not is not."""
    assert told(old, new) == expected


def test_a_long_change_is_counted_and_kept_whole() -> None:
    """A change of many lines is counted in its line, and is whole in its detail."""
    new = DEPLOYMENT + "".join(f"  field{number}: {number}\n" for number in range(5))

    (difference,) = differences("r", Deployed(1, "deployed", Rendered(DEPLOYMENT)), Rendered(new))

    assert str(difference) == "change release r: Deployment api: nothing -> 5 lines"
    assert "+  field4: 4" in difference.detail


def test_values_of_a_secret_are_never_shown() -> None:
    """That a Secret changes is told; what it holds is not, in neither form."""
    (difference,) = differences("r", Deployed(1, "deployed", Rendered(SECRET % "b2xk")), Rendered(SECRET % "bmV3"))

    assert str(difference) == "change release r: Secret api: other values -> values that are not shown"
    assert "b2xk" not in repr(difference)
    assert "bmV3" not in repr(difference)


@pytest.mark.parametrize("status", ["failed", "superseded"])
def test_a_release_that_is_not_deployed(status: str) -> None:
    """A release that is in no good state is a difference, however equal its manifest."""
    assert told(SERVICE, SERVICE, status=status) == [f"change release r: {status} (revision 3) -> deployed"]


def test_hooks() -> None:
    """A hook that changes is told as one: it is no part of the manifest."""
    old = Deployed(1, "deployed", Rendered(SERVICE, (Hook("tests/a.yaml", DEPLOYMENT),)))
    new = Rendered(SERVICE, (Hook("tests/a.yaml", DEPLOYMENT.replace("replicas: 2", "replicas: 1")),))

    assert [str(item) for item in differences("r", old, new)] == [
        "change release r hook: Deployment api: replicas: 2 -> replicas: 1"
    ]


def drift(name: str, *lines: str) -> str:
    """Return a diff of one object as `kubectl diff` writes it."""
    return "\n".join(
        [
            f"diff -u -N /tmp/LIVE-1278373625/{name} /tmp/MERGED-2038585657/{name}",
            f"--- /tmp/LIVE-1278373625/{name}\t2026-11-22 19:53:44.315965045 +0000",
            f"+++ /tmp/MERGED-2038585657/{name}\t2026-11-22 19:53:44.319965045 +0000",
            *lines,
            "",
        ]
    )


EDITED = drift(
    "apps.v1.Deployment.ns.api",
    "@@ -5,7 +5,7 @@",
    "-  generation: 3",
    "+  generation: 4",
    "   labels:",
    "@@ -59,7 +59,7 @@",
    "-        image: evil:1",
    "+        image: good:1",
    "         imagePullPolicy: IfNotPresent",
)
DELETED = drift("v1.Service.ns.api", "@@ -0,0 +1,2 @@", "+apiVersion: v1", "+kind: Service")


@pytest.mark.parametrize(
    ("diff", "expected"),
    [
        pytest.param("", [], id="none"),
        pytest.param(EDITED, ["change release r: Deployment api: image: evil:1 -> image: good:1"], id="edited"),
        pytest.param(DELETED, ["create release r: Service api: it is missing in the cluster"], id="deleted"),
        pytest.param(
            EDITED + DELETED,
            [
                "change release r: Deployment api: image: evil:1 -> image: good:1",
                "create release r: Service api: it is missing in the cluster",
            ],
            id="both",
        ),
        pytest.param(
            drift("v1.Service.ns.api", "@@ -5,7 +5,7 @@", "-  generation: 3", "+  generation: 4"), [], id="only noise"
        ),
        pytest.param(
            drift("networking.k8s.io.v1.NetworkPolicy.ns.api.v2", "@@ -1,1 +1,1 @@", "-  a: 1", "+  a: 2"),
            ["change release r: NetworkPolicy api.v2: a: 1 -> a: 2"],
            id="dots in group and name",
        ),
        pytest.param(
            drift("rbac.authorization.k8s.io.v1.ClusterRole..api", "@@ -1,1 +1,1 @@", "-  a: 1", "+  a: 2"),
            ["change release r: ClusterRole api: a: 1 -> a: 2"],
            id="an object of the whole cluster",
        ),
    ],
)
def test_drift(diff: str, expected: list[str]) -> None:
    """What somebody did to live objects is told, one line an object."""
    assert told(SERVICE, SERVICE, diff) == expected


def test_an_object_is_told_once() -> None:
    """An object that the chart changes anyway is not told again as drift."""
    new = DEPLOYMENT.replace("replicas: 2", "replicas: 3")

    assert told(DEPLOYMENT, new, EDITED) == ["change release r: Deployment api: replicas: 2 -> replicas: 3"]
