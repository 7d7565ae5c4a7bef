"""Lets the tests import the benchmark, which is no part of the package."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))


@pytest.fixture(autouse=True)
def needs_sshd() -> None:
    """Skip where the endpoints cannot be started."""
    if os.geteuid() != 0 or shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("needs root and sshd (apt-get install openssh-server)")
