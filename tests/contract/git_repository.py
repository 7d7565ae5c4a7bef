"""A real git repository, and what a person does in it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Repository:
    """One at *top*."""

    top: Path

    @classmethod
    def made(cls, top: Path) -> Repository:
        """Make one with a first commit."""
        top.mkdir(parents=True)
        here = cls(top)
        here.git("init", "--quiet", "--initial-branch", "main")
        here.git("config", "user.name", "A Person")
        here.git("config", "user.email", "person@example.org")
        here.put("README", "first\n")
        here.git("add", ".")
        here.git("commit", "--quiet", "--message", "first")
        return here

    def git(self, *arguments: str) -> str:
        """Run git as a person does, and return what it says."""
        ended = subprocess.run(["git", *arguments], cwd=self.top, capture_output=True, text=True, check=True)
        return ended.stdout

    def put(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def hook(self, script: str) -> None:
        """Have each commit judged by a script."""
        path = self.put(".git/hooks/pre-commit", f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    @property
    def commits(self) -> list[str]:
        """The messages of all commits, the newest first."""
        return self.git("log", "--format=%s").splitlines()
