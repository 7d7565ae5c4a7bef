"""
This machine as a node that can be changed at will: what is written to it is gone at the end.

A process of its own holds a mount namespace in which everything is laid over by memory: the node sees this machine's
programs and files, and this machine never sees what the node does.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.hosts.resource import Change, Decision, Resource
from koprogo_fleet.hosts.script import Applied, Step, apply_script, gather_script, parse_apply, parse_gather

NONCE = "2c624232cc5d221f"

_SETUP = """\
set -eu
mount -t tmpfs node "$1"
cd "$1"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
for path in proc dev sys; do mount --rbind "/$path" "root/$path"; done
mount -t tmpfs run root/run
mount --rbind "$2" "root$2"
echo ready
exec sleep infinity
"""


@dataclass(frozen=True)
class PrivateNode:
    """The node; *root* is where its file system is, in the namespace of process *pid*."""

    pid: int
    root: Path

    def sh(self, script: str | bytes, timeout: float = 60) -> subprocess.CompletedProcess[bytes]:
        """Run a script as root, as converge does."""
        data = script.encode() if isinstance(script, str) else script
        enter = ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "chroot", str(self.root), "env", "LC_ALL=C", "sh", "-s"]
        return subprocess.run(enter, input=data, capture_output=True, check=False, timeout=timeout)

    def run(self, script: str) -> str:
        """Run a script that must end well, and return what it printed."""
        done = self.sh(f"set -eu\n{script}")
        assert 0 == done.returncode, done.stderr.decode()

        return done.stdout.decode()

    def written(self) -> list[str]:
        """Return the paths that were written to since the node was started, but for what is gone again."""
        find = [
            "nsenter",
            f"--mount=/proc/{self.pid}/ns/mnt",
            "find",
            str(self.root.parent / "upper"),
            "-mindepth",
            "1",
        ]
        return subprocess.run(find, capture_output=True, check=True, timeout=60, text=True).stdout.splitlines()

    def decide(self, resource: Resource) -> Decision:
        """Look and decide."""
        gathered = parse_gather(self.sh(gather_script([resource], NONCE)).stdout, NONCE, [resource])
        return resource.decide(gathered.facts[0])

    def mend(self, resource: Resource) -> Applied:
        """Look, decide and change; the change may fail."""
        decision = self.decide(resource)
        assert isinstance(decision, Change), decision
        return self.apply(resource, decision)

    def apply(self, resource: Resource, decision: Change) -> Applied:
        """Make the change that was decided."""
        done = self.sh(apply_script([Step(resource.name, decision.complete)], {}, NONCE))
        return parse_apply(done.stdout, done.stderr, NONCE)

    def converge(self, resource: Resource) -> list[str]:
        """Bring it into its desired state, and return what differed, as text."""
        decision = self.decide(resource)
        if not isinstance(decision, Change):
            return []
        applied = self.apply(resource, decision)
        assert 0 == applied.exit_status, (applied.stdout + applied.stderr).decode()

        return [str(difference) for difference in decision.differences]


@contextmanager
def private_node(directory: Path, shared: Path) -> Iterator[PrivateNode]:
    """
    Start a node in the empty *directory*; it shares *shared* with this machine.

    Raises:
        OSError: this machine cannot lay one file system over another.
    """
    setup = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _SETUP, "sh", str(directory), str(shared)]
    with subprocess.Popen(setup, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        try:
            if holder.stdout.readline() != b"ready\n":
                raise OSError(holder.stderr.read().decode())
            yield PrivateNode(holder.pid, directory / "root")
        finally:
            holder.kill()
