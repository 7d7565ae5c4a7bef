"""
Runs ``koprogo-fleet`` often: each command is a process of its own, forked from one that has imported everything.

Importing takes a second of a processor, which is most of what a command costs here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

IMPORTED = (
    "koprogo_fleet.cli.app",
    "koprogo_fleet.cli.cloud_view",
    "koprogo_fleet.cli.render",
    *(
        f"koprogo_fleet.workflows.{name}"
        for name in ("authorise", "cloud", "destroy", "orphans", "power", "power_timer")
    ),
    *(f"koprogo_fleet.workflows.{name}" for name in ("provision", "scale")),
)


class Forks:
    """The process from which commands are forked, started when it is needed first."""

    def __init__(self) -> None:
        self._parent: subprocess.Popen[str] | None = None

    def run(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], terminal: str
    ) -> tuple[int, str, str]:
        """Run one command to its end, with *terminal*'s device as its input; return exit code, stdout and stderr."""
        parent = self._parent = self._parent or self._start()
        assert parent.stdin
        assert parent.stdout
        with tempfile.TemporaryDirectory() as outputs:
            out, err = Path(outputs, "out"), Path(outputs, "err")
            order = {
                "arguments": ["koprogo-fleet", *arguments],
                "folder": str(folder),
                "environment": dict(environment),
                "files": [terminal, str(out), str(err)],
            }
            parent.stdin.write(f"{json.dumps(order)}\n")
            parent.stdin.flush()
            code = int(parent.stdout.readline())
            return code, out.read_text(), err.read_text()

    def end(self) -> None:
        """End the process; none is forked any more."""
        if self._parent:
            self._parent.communicate()
            self._parent = None

    @staticmethod
    def _start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, __file__],
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": ":".join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def _serve() -> None:
    for module in IMPORTED:
        import_module(module)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(order: Mapping[str, Any]) -> NoReturn:
    """Be the command: its own input, outputs, folder, environment and arguments."""
    from koprogo_fleet.cli.app import main

    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    modes = (os.O_RDWR | os.O_NOCTTY, flags, flags)
    for number, (path, mode) in enumerate(zip(order["files"], modes, strict=True)):
        os.dup2(os.open(path, mode, 0o600), number)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = order["arguments"]
    code: object = 1
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve()
