"""The page "rotate your first secret", done as it is written, on the provisioned fleet."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from lab_fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]  # the first of them provisions

PAGE = Path(__file__).parents[3] / "docs/howto/rotate-your-first-secret.md"
COMMANDS = re.findall(r"^\$ koprogo-fleet (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
NAME = "koprogo-api-database-password"
MARK = f"secret.fleet.koprogo.io/{NAME}"


def marks(fleet: Fleet) -> set[str | None]:
    """Return the versions that the consumer's pods were made with; a pod on its way out does not count."""
    listed = json.loads(fleet.kubectl("--namespace", "koprogo", "get", "pods", "-o", "json"))["items"]
    pods = [pod["metadata"] for pod in listed if "deletionTimestamp" not in pod["metadata"]]
    return {pod.get("annotations", {}).get(MARK) for pod in pods}


def test_the_page_is_done_as_it_is_written(fleet: Fleet) -> None:
    """Each command ends as the page says, and the pods have the version that it names."""
    assert 7 == len(COMMANDS)
    versions = {"rotate": "2", "rollback": "3"}

    for command in COMMANDS:
        words = shlex.split(command)
        done = fleet.run(*words)
        expected = 3 if "--dry-run" in words else 0
        assert expected == done.returncode, f"{command}: {done.stdout}{done.stderr}"
        if expected == 0 and NAME in words:
            assert {versions[words[1]]} == marks(fleet), command
    assert {} == fleet.differences()
