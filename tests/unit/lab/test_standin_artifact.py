"""The file that nodes get as ``/usr/local/bin/k3s``."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from koprogo_fleet.lab import standin


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the artefact, made in a cache of the test's own."""
    monkeypatch.setenv("KOPROGO_CACHE_DIR", str(tmp_path))
    return standin.artifact("v1.33.4+k3s1")


def _run(artifact: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-IB", artifact, *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_it_is_one_executable_that_is_always_the_same(artifact: Path) -> None:
    """Two builds of one source are the same bytes, so that an unchanged file is not pushed again."""
    before = artifact.read_bytes()
    artifact.unlink()

    assert standin.artifact("v1.33.4+k3s1") == artifact
    assert artifact.read_bytes() == before
    assert before.startswith(b"#!/usr/bin/python3 ")
    assert artifact.stat().st_mode & 0o777 == 0o755


def test_it_carries_all_that_it_imports(artifact: Path) -> None:
    """It runs from its own files alone: nothing of the project is imported that is not in it."""
    program = f"import sys; sys.path.insert(0, {str(artifact)!r})\n"
    program += "import koprogo_fleet.lab.standin.node.cli\n"
    program += "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('koprogo_fleet')), sep='\\n')"
    printed = subprocess.run(
        [sys.executable, "-IBc", program], capture_output=True, text=True, timeout=30, check=True
    ).stdout.split()

    assert printed
    assert [file for file in printed if not file.startswith(str(artifact))] == []
    with zipfile.ZipFile(artifact) as archive:
        assert "__main__.py" in archive.namelist()


def test_it_behaves_as_a_command(artifact: Path) -> None:
    """A token is generated in K3s' form; an unknown flag or command ends with status 1 and a fatal line."""
    generated = _run(artifact, "token", "generate")
    unknown_flag = _run(artifact, "server", "--bogus")
    unknown_command = _run(artifact, "bogus")

    assert re.fullmatch(r"[0-9a-f]{6}\.[0-9a-f]{16}\n", generated.stdout)
    assert unknown_flag.returncode == 1
    assert 'level=fatal msg="flag provided but not defined: -bogus"' in unknown_flag.stderr
    assert unknown_command.returncode == 1
