"""Pyinfra: an inventory and a deploy file of its built-in operations."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.tools.job import Command, Job
from benchmarks.work import SSHD_CONFIG, Work

_IMPORTS = "from pyinfra import host\nfrom pyinfra.operations import files, systemd\n"


def prepare(job: Job) -> Command:
    """Write the inventory and the deploy file."""
    hosts = [
        (
            target.name,
            {
                "ssh_hostname": target.address,
                "ssh_port": target.port,
                "ssh_user": target.user,
                "ssh_key": job.access.private_key,
                "ssh_known_hosts_file": job.access.known_hosts,
                "ssh_strict_host_key_checking": "yes",
                "ssh_allow_agent": False,
                "ssh_look_for_keys": False,
                "_sudo": target.by_sudo,
                "directory": target.directory,
            },
        )
        for target in job.targets
    ]
    (job.directory / "inventory.py").write_text(f"hosts = {hosts!r}\n", encoding="utf-8")
    operations = "\n".join(_operations(job.work, job.directory))
    (job.directory / "deploy.py").write_text(f"{_IMPORTS}{operations}\n", encoding="utf-8")
    program = str(Path(sys.executable).with_name("pyinfra"))
    arguments = (
        "--yes",
        "--parallel",
        str(job.parallel),
        f"{job.directory}/inventory.py",
        f"{job.directory}/deploy.py",
    )
    return Command((program, *arguments), start=(program, "--version"))


def _operations(work: Work, directory: Path) -> Iterator[str]:
    for file in work.files:
        (directory / file.name).write_text(file.content, encoding="utf-8")
        source, mode = str(directory / file.name), file.mode.lstrip("0")
        place = f'src={source!r}, dest=f"{{host.data.directory}}/{file.name}"'
        yield f'files.put({place}, mode="{mode}", user="root", group="root", create_remote_dir=False)'
    for unit in work.services:
        yield f"systemd.service({unit!r}, running=True, enabled=True)"
    for keyword, value in work.settings:
        line = f"line='^#*{keyword} .*$', replace='{keyword} {value}'"
        yield f"files.line(path={SSHD_CONFIG!r}, {line})"
