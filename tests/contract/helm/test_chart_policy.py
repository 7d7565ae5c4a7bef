"""The chart koprogo-api keeps the security policy and Kubernetes' schemas; each property, removed from it, is missed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from koprogo_fleet.helm.binary import Tools
from koprogo_fleet.helm.blue_green import AT_REST, api_peers
from koprogo_fleet.helm.charts import chart_directory
from koprogo_fleet.helm.policy import check, manifests_of
from koprogo_fleet.helm.process import run
from koprogo_fleet.helm.releases import load_releases
from koprogo_fleet.helm.schemas import schema_problems

LAB = Path(__file__).parents[3] / "inventory" / "lab" / "releases.yaml"

CONTROL_PLANE = {
    "spec": {"podCIDRs": ["10.42.0.0/24"]},
    "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]},
}

BLOCK = r"\n(?: {12}.*\n)+"

REMOVED = [
    ("not-root", r"runAsNonRoot: true", "runAsNonRoot: false"),
    ("read-only-root", r"readOnlyRootFilesystem: true\n", ""),
    ("no-escalation", r"allowPrivilegeEscalation: false\n", ""),
    ("drop-capabilities", r"drop: \[ALL\]", "drop: []"),
    ("seccomp", r"RuntimeDefault", "Unconfined"),
    ("requests", r"\{\{- toYaml .Values.resources \| nindent 12 \}\}", "limits: {cpu: 1, memory: 128Mi}"),
    ("limits", r"\{\{- toYaml .Values.resources \| nindent 12 \}\}", "requests: {cpu: 1, memory: 128Mi}"),
    ("liveness-probe", rf" +livenessProbe:{BLOCK}", ""),
    ("readiness-probe", rf" +readinessProbe:{BLOCK}", ""),
    ("startup-probe", rf" +startupProbe:{BLOCK}", ""),
    ("pinned-image", r'printf "%s:%s" .Values.image.repository \(.*\)', ".Values.image.repository"),
    ("no-plain-secrets", r"- name: \{\{ . \}\}_FILE", "- name: {{ . }}"),
    ("bounded-scratch", r"emptyDir:\n +sizeLimit: .*\n", "emptyDir: {}\n"),
    ("own-service-account", r" +serviceAccountName: .*\n", ""),
    ("no-idle-token", r" *automountServiceAccountToken: false\n", ""),
    ("instance-label", r"^app.kubernetes.io/instance:", "instance:"),
    ("default-deny", r"policyTypes: \[Ingress, Egress\]", "policyTypes: [Ingress]"),
    ("ingress-tls", r"with .Values.ingress.tlsSecret", 'with ""'),
    ("disruption-budget", r"if .Values.podDisruptionBudget.enabled", "if false"),
    ("drainable", r"minAvailable: .*", "minAvailable: 100%"),
    ("spread", r" +topologySpreadConstraints:\n(?:.*\n)+?(?=.*nodeSelector)", ""),
]
"""A rule, and what of the templates is replaced by what, so that it is broken."""


def rendered(tools: Tools, chart: Path, values: Mapping[str, Any]) -> str:
    """Return what the real Helm makes of a chart."""
    arguments = ["template", "koprogo-api", str(chart), "--namespace", "koprogo", "--values", "-"]
    ended = run(tools.helm, arguments, stdin=json.dumps(values), timeout=60)
    assert ended.exit_status == 0, ended.stderr
    return ended.stdout


def broken(text: str) -> set[str]:
    """Return the rules that these manifests break."""
    return {finding.rule.id for finding in check("koprogo-api", manifests_of(text), namespace="koprogo").findings}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"ingress": {"enabled": False}},
        {"autoscaling": {"enabled": False}},
        {"tests": {"enabled": True}, "networkPolicy": {"wholeNamespace": True}},
        {"slot": "green", "networkPolicy": {"alsoFrom": api_peers([CONTROL_PLANE])}},
        {"activeSlot": "green"},
        {"activeSlot": "green", **AT_REST},
    ],
    ids=str,
)
def test_the_chart_breaks_no_rule(values: Mapping[str, Any], tools: Tools, chart: Path) -> None:
    """However it is switched, the chart has every property, needs no exemption, and is valid for Kubernetes 1.33."""
    text = rendered(tools, chart, values)

    assert set() == broken(text)
    assert () == schema_problems(manifests_of(text), "v1.33.4+k3s1").problems


def test_the_labs_release_breaks_no_rule(tools: Tools) -> None:
    """The lab's own values need no exemption."""
    (release,) = [release for release in load_releases(LAB).in_order if release.name == "koprogo-api"]

    assert set() == broken(rendered(tools, chart_directory(release, LAB), release.values))


@pytest.mark.parametrize("removed", REMOVED, ids=[rule for rule, _, _ in REMOVED])
def test_a_property_that_is_removed_is_missed(
    removed: tuple[str, str, str], tools: Tools, chart: Path, tmp_path: Path
) -> None:
    """Without one property the chart still renders, and its rule, alone, tells what is missing."""
    rule, pattern, instead = removed
    mutated = tmp_path / chart.name
    shutil.copytree(chart, mutated)
    count = 0
    for template in (mutated / "templates").iterdir():
        if template.is_file():
            text, found = re.subn(pattern, instead, template.read_text(), flags=re.MULTILINE)
            template.write_text(text)
            count += found

    assert count
    assert {rule} == broken(rendered(tools, mutated, {}))
