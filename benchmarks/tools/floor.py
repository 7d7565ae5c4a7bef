"""The floor: paramiko and nothing else; it connects, sends the script that reads what we read, and shows nothing of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.tools.job import Command, Job
from koprogo_fleet.hosts.script import gather_script

_PROGRAM = Path(__file__).with_name("run_floor.py")
_NONCE = "0" * 32


def prepare(job: Job) -> Command:
    """Write one script a host, and where the hosts are."""
    for name, resources in job.resources.items():
        (job.directory / name).write_bytes(gather_script(resources, _NONCE))
    described = {
        "parallel": job.parallel,
        "private_key": job.access.private_key,
        "hosts": [
            {
                "address": target.address,
                "port": target.port,
                "user": target.user,
                "host_key": target.host_key,
                "command": "sudo -n env LC_ALL=C sh -s" if target.by_sudo else "LC_ALL=C sh -s",
                "script": str(job.directory / target.name),
            }
            for target in job.targets
        ],
    }
    (job.directory / "hosts.json").write_text(json.dumps(described), encoding="utf-8")
    return Command((sys.executable, str(_PROGRAM), str(job.directory / "hosts.json")))
