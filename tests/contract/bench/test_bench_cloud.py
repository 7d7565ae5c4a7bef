"""The figures of the cloud commands: measured, and written beside the others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import cloud_report, report

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
DATA = PAGE.with_suffix(".json")


def test_the_command_line(tmp_path: Path) -> None:
    """``--quick`` syncs and plans twenty instances by reads alone, and writes nothing into the documentation."""
    command = [sys.executable, "-m", "benchmarks", "cloud", "--quick", "--output", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)

    assert 0 == done.returncode, done.stderr
    assert "| 20 instances | inventory sync | 3, 0 |" in done.stdout
    assert "| 20 instances | cloud plan, nothing to do | " in done.stdout
    assert [] == list(tmp_path.iterdir())


def test_each_subject_leaves_the_other(tmp_path: Path) -> None:
    """Written one after the other, in any order, both are in the page and in the data."""
    known: dict[str, Any] = json.loads(DATA.read_text())
    cloud = {cloud_report.NAME: known.pop(cloud_report.NAME)}
    (tmp_path / DATA.name).write_text(json.dumps(known))

    report.write(cloud, tmp_path)
    report.write(known, tmp_path)

    assert known | cloud == json.loads((tmp_path / DATA.name).read_text())
    assert PAGE.read_text() == (tmp_path / PAGE.name).read_text()
