"""The schedule for others than systemd."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from koprogo_fleet.workflows.schedule.cronjob import cronjobs
from koprogo_fleet.workflows.schedule.github import workflow
from koprogo_fleet.workflows.schedule.jobs import JOBS, chosen_jobs
from koprogo_fleet.workflows.schedule.unit_texts import Place

PLACE = Place("koprogo", Path("/opt/kf/bin/koprogo-fleet"), Path("/srv/inventory"), "production")


def steps() -> list[dict[str, Any]]:
    """Return the steps of the workflow of all jobs."""
    found: list[dict[str, Any]] = yaml.safe_load(workflow(JOBS, PLACE))["jobs"]["run"]["steps"]
    return found


def test_each_time_of_the_workflow_leads_to_its_jobs() -> None:
    """Every cron line is in the table that says what runs then; jobs of one time run one after the other."""
    text = workflow(chosen_jobs(times=["drift=04:45"]), PLACE)
    crons = [entry["cron"] for entry in yaml.safe_load(text)[True]["schedule"]]
    table = json.loads(re.findall(r"fromJSON\('(.*)'\)", text)[0])

    assert {"30 2 * * *": "rotation", "45 4 * * *": "drift snapshots"} == table
    assert list(table) == crons


def test_the_workflow_keeps_no_secret_at_github() -> None:
    """It may ask for an identity, and reads no secret of the repository; nothing of Vault's is an argument."""
    text = workflow(JOBS, PLACE)

    assert {"contents": "write", "id-token": "write"} == yaml.safe_load(text)["permissions"]
    assert "secrets." not in text
    assert not re.search(r"(curl|jq|git|koprogo-fleet)[^|\n]*\$\(cat VAULT_TOKEN", text)


def test_a_workflow_that_only_looks_may_write_nothing() -> None:
    """Without the rotation, nothing is pushed, and the repository is read alone."""
    text = workflow(chosen_jobs(["drift"]), PLACE)

    assert "read" == yaml.safe_load(text)["permissions"]["contents"]
    assert "git push" not in text


@pytest.mark.parametrize("number", range(1, len(steps())))
def test_the_shell_of_the_workflow_is_whole(number: int) -> None:
    """Bash can read each step."""
    bash = shutil.which("bash")
    assert bash
    script = steps()[number]["run"]

    assert 0 == subprocess.run([bash, "-n"], input=script, text=True, check=False).returncode


def test_pods_are_locked_down_and_get_secrets_as_files() -> None:
    """No pod is root, writes its image, or has a variable that holds a secret; only the rotation writes the inventory."""
    found = list(yaml.safe_load_all(cronjobs(JOBS, PLACE, "image:1")))
    pods = {one["metadata"]["name"]: one["spec"]["jobTemplate"]["spec"]["template"]["spec"] for one in found}
    writers = {
        name
        for name, pod in pods.items()
        for mount in pod["containers"][0]["volumeMounts"]
        if mount["mountPath"] == "/inventory" and not mount["readOnly"]
    }

    assert {f"koprogo-fleet-koprogo-{job.name}" for job in JOBS} == set(pods)
    assert {"koprogo-fleet-koprogo-rotation"} == writers
    for pod in pods.values():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert not any("valueFrom" in variable for variable in container["env"])
