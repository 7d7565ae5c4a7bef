"""The benchmark of sealing: it measures, and leaves the documentation alone when it is only tried."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_line(tmp_path: Path) -> None:
    """``--quick`` seals twenty secrets, seals them again, and starts a process for two; nothing is written."""
    command = [sys.executable, "-m", "benchmarks", "sealing", "--quick", "--output", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert 0 == done.returncode, done.stderr
    assert "| seal, one process | 20 |" in done.stdout
    assert "| seal, a process for each, 2 at once | 2 |" in done.stdout
    assert [] == list(tmp_path.iterdir())
