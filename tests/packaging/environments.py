"""Fresh environments with nothing but the wheel."""

from __future__ import annotations

import os
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel, and an empty folder to work in."""

    bin: Path
    folder: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the empty folder, without anybody's settings."""
        ours = ("KOPROGO_", "OVH_", "VAULT_", "PYTHON", "VIRTUAL_ENV")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder,
            env=environment | {"HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def install(requirement: str, folder: Path) -> Installed:
    """Make a virtual environment in *folder* and install *requirement* into it."""
    venv.create(folder / "venv", with_pip=True)
    programs, elsewhere = folder / "venv" / "bin", folder / "elsewhere"
    pip: list[str | Path] = [
        programs / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        requirement,
    ]
    subprocess.run(pip, check=True, timeout=280)
    elsewhere.mkdir()
    return Installed(programs, elsewhere)
