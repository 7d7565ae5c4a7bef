"""paramiko without invoke, until somebody needs it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import koprogo_fleet.ssh.connection
assert "invoke" not in sys.modules, "loaded"
import io, paramiko
config = paramiko.SSHConfig.from_file(io.StringIO('Match exec "test %h = node"\\n  Port 2222\\n'))
print(config.lookup("node").get("port"), config.lookup("other").get("port"))
import invoke
assert invoke is sys.modules["invoke"] and invoke.run
"""


def test_match_exec_still_works() -> None:
    """An ssh_config with Match exec is understood, by the real invoke, which is loaded then and not before."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60)

    assert ("2222 None\n", "") == (done.stdout, done.stderr)
