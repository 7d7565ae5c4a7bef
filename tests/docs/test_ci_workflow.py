"""The workflow for CI in examples/ is one that our command line accepts, with no more rights than it needs."""

from __future__ import annotations

import re
import shlex
from typing import Any

from pages import ROOT
from ruamel.yaml import YAML
from test_command_lines import check_ours

WORKFLOW: dict[str, Any] = YAML(typ="safe").load(ROOT / "examples/github/deploy.yml")
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]


def scripts() -> list[str]:
    """Return what the steps run."""
    return [step["run"] for step in STEPS if "run" in step]


def test_our_commands_in_the_workflow_parse() -> None:
    """Every call of koprogo-fleet is one that the command line takes, and one of them deploys the tag of the run."""
    calls = [shlex.split(line) for text in scripts() for line in text.splitlines() if "koprogo-fleet " in line]

    assert calls
    for program, *words in calls:
        assert program == "koprogo-fleet"
        check_ours(words)
    assert any(words[1] == "deploy" and "--plan" not in words and "koprogo-api=$TAG" in words for words in calls)


def test_steps_come_in_an_order_that_pushes_nothing_unproven() -> None:
    """What is pushed was built, tested and scanned; what is deployed was pushed; what is deployed is asked."""
    names = [step["name"] for step in STEPS if "name" in step]

    assert [name for name in names if " " not in name] == ["Build", "Test", "Scan", "Push", "Deploy", "Smoke"]
    assert JOBS["deploy"]["needs"] == "image"


def test_jobs_have_the_least_rights() -> None:
    """Nothing is granted to all jobs, and each has its own rights alone."""
    assert WORKFLOW["permissions"] == {}
    assert JOBS["image"]["permissions"] == {"contents": "read", "packages": "write"}
    assert JOBS["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}


def test_two_deployments_never_meet() -> None:
    """All runs share one group, and one at work is not cancelled."""
    assert WORKFLOW["concurrency"] == {"group": "koprogo-deploy", "cancel-in-progress": False}


def test_actions_are_pinned_by_commit() -> None:
    """An action that was changed under its tag is not run."""
    used = [step["uses"] for step in STEPS if "uses" in step]

    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) for name in used)


def test_scripts_have_no_expressions_and_no_kept_secrets() -> None:
    """A value reaches a script as a variable, never as a piece of its text, and no secret is kept at GitHub."""
    assert not [text for text in scripts() if "${{" in text]
    assert "secrets." not in str(WORKFLOW)
