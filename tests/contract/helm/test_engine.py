"""
Many releases on a real Kubernetes API, by the real Helm: order, proof, failure, and the second run.

Nothing runs pods here; where one has to become ready, the test reports it as a kubelet would.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from breakable_api import breakable
from release_stack import Stack, kubelet, states
from standin_charts import PASSWORD, SETTINGS, WORKLOAD, custom_kind, of_kind, service, webhook, write_chart

from koprogo_fleet.core.errors import Interrupted, NotConverged
from koprogo_fleet.core.events import Event, Waiting
from koprogo_fleet.helm.binary import Tools
from koprogo_fleet.helm.client import Helm
from koprogo_fleet.helm.outcome import conclude
from koprogo_fleet.kube.client import Cluster


def test_a_stack_comes_in_order_and_once(stack: Stack) -> None:
    """What needs a kind comes after it; a second run makes no revision, and asks no helm or kubectl at all."""
    write_chart(stack.folder, "operator", SETTINGS, crds=(custom_kind("Ordered"),))
    write_chart(stack.folder, "user", of_kind("Ordered"))
    write_chart(stack.folder, "other", SETTINGS, PASSWORD, values={"colour": "blue", "word": "known"})
    releases = stack.releases(
        {"name": "user", "needs": ["operator"]},
        {"name": "operator", "crds": ["ordereds.standin.koprogo.io"]},
        {"name": "other"},
    )

    first = stack.apply(releases)
    revisions = stack.revisions()
    nowhere = Tools(Path("/nonexistent/helm"), Path("/nonexistent/kubectl"), (4, 0, 0))
    quiet = replace(stack.engine, helm=Helm(nowhere, stack.kubeconfig))

    assert dict.fromkeys(["user", "operator", "other"], "deployed") == states(first)
    for outcomes in (quiet.apply(releases), quiet.plan(releases)):
        assert ["", "", ""] == [outcome.reason for outcome in outcomes]
        assert {"unchanged"} == {str(outcome.state) for outcome in outcomes}
    assert revisions == stack.revisions()


def test_the_plan_tells_each_release_and_no_secret(stack: Stack) -> None:
    """What changed is named by release, value by value, but those of Secrets; what was edited by hand is found, too."""
    write_chart(stack.folder, "changed", SETTINGS, PASSWORD, values={"colour": "green", "word": "old-word"})
    write_chart(stack.folder, "edited", SETTINGS)
    write_chart(stack.folder, "new", SETTINGS)
    stack.apply(stack.releases({"name": "changed"}, {"name": "edited"}))
    stack.kubectl("patch", "configmap", "edited", "--type=merge", "-p", '{"data":{"colour":"red"}}')
    releases = stack.releases(
        {"name": "changed", "values": {"colour": "blue", "word": "new-word"}}, {"name": "edited"}, {"name": "new"}
    )

    found = stack.plan(releases)

    assert {
        "changed": [
            "change release changed: Secret changed: other values -> values that are not shown",
            "change release changed: ConfigMap changed: colour: green -> colour: blue",
        ],
        "edited": ["change release edited: ConfigMap edited: colour: red -> colour: green"],
        "new": [f"create release new: chart new in namespace {stack.namespace}"],
    } == found
    assert dict.fromkeys(["changed", "edited", "new"], "deployed") == states(stack.apply(releases))
    assert not any(stack.plan(releases).values())


def test_a_comparison_is_remembered(stack: Stack) -> None:
    """A release that somebody else deployed is compared once; what that has shown is kept beside Helm's record."""
    write_chart(stack.folder, "foreign", SETTINGS)
    releases = stack.releases({"name": "foreign"})
    stack.engine.helm.upgrade(releases[0], stack.folder / "foreign")
    digest_before = stack.engine.cluster.metadata("v1", "Secret", "owner=helm,name=foreign,koprogo-fleet.io/input")

    assert {"foreign": "unchanged"} == states(stack.apply(releases))
    assert (0, 1) == (
        len(digest_before),
        len(stack.engine.cluster.metadata("v1", "Secret", "owner=helm,name=foreign,koprogo-fleet.io/input")),
    )


def test_dependants_wait_for_the_proof(stack: Stack, events: list[Event]) -> None:
    """A release begins only when the pods of the one that it needs are ready; the wait says for what."""
    write_chart(stack.folder, "base", WORKLOAD)
    write_chart(stack.folder, "above", SETTINGS)
    releases = stack.releases({"name": "above", "needs": ["base"]}, {"name": "base", "timeout": 60})

    def is_waited_for() -> bool:
        return any(isinstance(event, Waiting) and "release base" in event.condition for event in events)

    with kubelet(stack, is_waited_for) as there:
        outcomes = stack.apply(releases)

    assert {"base": "deployed", "above": "deployed"} == states(outcomes)
    assert [False] == ["configmap/above" in names for names in there]


def test_a_failure_holds_its_dependants_alone(stack: Stack) -> None:
    """A pod that never becomes ready: its release goes back, what needs it is held, the others go on; each is told."""
    write_chart(stack.folder, "bad", SETTINGS, {**WORKLOAD, "spec": {**WORKLOAD["spec"], "replicas": 0}})
    write_chart(stack.folder, "dependant", SETTINGS)
    write_chart(stack.folder, "other", SETTINGS)
    stack.apply(stack.releases({"name": "bad"}))
    template = stack.folder / "bad" / "templates" / "1.yaml"
    template.write_text(template.read_text().replace("replicas: 0", "replicas: 1"))
    releases = stack.releases(
        {"name": "bad", "timeout": 15}, {"name": "dependant", "needs": ["bad"]}, {"name": "other"}
    )

    outcomes = stack.apply(releases)

    assert {"bad": "failed", "dependant": "held", "other": "deployed"} == states(outcomes)
    assert "went back to revision 1" in outcomes["bad"].reason
    assert "pod bad-" in outcomes["bad"].reason
    with pytest.raises(NotConverged, match="2 of 3 releases") as error:
        conclude(tuple(outcomes.values()))
    assert "dependant: held: it needs bad, which is failed" in error.value.seen


def test_a_webhook_that_does_not_answer(stack: Stack) -> None:
    """A release whose webhook nobody serves is not ready, although Helm says so; what needs it is held."""
    write_chart(stack.folder, "hooks", service("hooks"), webhook("hooks", stack.namespace))
    write_chart(stack.folder, "behind", SETTINGS)
    releases = stack.releases(
        {"name": "hooks", "ready": {"webhooks": ["hooks"]}, "timeout": 10}, {"name": "behind", "needs": ["hooks"]}
    )

    outcomes = stack.apply(releases)

    assert {"hooks": "failed", "behind": "held"} == states(outcomes)
    assert "webhook hooks.standin.koprogo.io does not answer" in outcomes["hooks"].reason


def test_a_kind_that_nobody_brings(stack: Stack) -> None:
    """An object of an unknown kind fails its release with the cause: a CRD is missing, and `needs` can name who brings it."""
    write_chart(stack.folder, "orphan", of_kind("Unheard"))

    outcome = stack.apply(stack.releases({"name": "orphan"}))["orphan"]

    assert outcome.error is not None
    assert ("failed", "the cluster does not know this kind: a CustomResourceDefinition is missing") == (
        str(outcome.state),
        outcome.error.cause,
    )


def test_ctrl_c_in_the_middle_of_a_release(stack: Stack, events: list[Event]) -> None:
    """Helm is asked to end, nothing new is begun, and the next run brings the release to rest and finishes."""
    write_chart(stack.folder, "slow", WORKLOAD)
    write_chart(stack.folder, "later", SETTINGS)
    releases = stack.releases({"name": "slow", "timeout": 60}, {"name": "later", "needs": ["slow"]})
    stopped = replace(stack.engine, stopping=lambda: any("to be ready" in str(event) for event in events))

    outcomes = stopped.apply(releases)

    assert ["stopped", "stopped"] == [str(outcome.state) for outcome in outcomes]
    with pytest.raises(Interrupted):
        conclude(outcomes)
    with kubelet(stack):
        assert {"slow": "deployed", "later": "deployed"} == states(stack.apply(releases))


def test_a_selection_proves_what_it_needs(stack: Stack) -> None:
    """One release alone is deployed only if what it needs is there already; a chart that is not here is skipped and told."""
    write_chart(stack.folder, "base", SETTINGS)
    write_chart(stack.folder, "above", SETTINGS)
    far = {"name": "far", "chart": "far", "repository": "https://charts.example.org", "version": "1.0.0"}
    releases = stack.releases({"name": "base"}, {"name": "above", "needs": ["base"]}, far)

    alone = stack.apply(releases, only=("above",))
    whole = stack.apply(releases)

    assert {"base": "failed", "above": "held"} == states(alone)
    assert {"base": "deployed", "above": "deployed", "far": "skipped"} == states(whole)
    assert "has no digest yet" in whole["far"].reason
    with pytest.raises(NotConverged, match="far: skipped"):
        conclude(tuple(whole.values()))


@pytest.mark.exhaustive
def test_the_api_is_lost_in_the_middle(stack: Stack, events: list[Event]) -> None:
    """While a release becomes ready its API server goes away for seconds: the release fails, goes back, and can be deployed."""
    write_chart(stack.folder, "torn", SETTINGS, {**WORKLOAD, "spec": {**WORKLOAD["spec"], "replicas": 0}})
    releases = stack.releases({"name": "torn", "timeout": 30})
    stack.apply(releases)
    template = stack.folder / "torn" / "templates" / "1.yaml"
    good = template.read_text()
    template.write_text(good.replace("replicas: 0", "replicas: 1"))

    with (
        breakable(stack.kubeconfig, stack.folder) as (kubeconfig, breaking),
        Cluster.from_file(kubeconfig) as cluster,
    ):

        def told(event: Event) -> None:
            events.append(event)
            if isinstance(event, Waiting) and "to be ready" in event.condition:
                breaking.set()

        engine = replace(stack.engine, cluster=cluster, helm=Helm(stack.tools, kubeconfig), listener=told)
        (outcome,) = engine.apply([release.model_copy(update={"timeout": 12}) for release in releases])

    assert ("failed", True) == (str(outcome.state), breaking.is_set())
    assert "went back to revision 1" in outcome.reason
    template.write_text(good)
    assert {"torn": "unchanged"} == states(stack.apply(releases))
