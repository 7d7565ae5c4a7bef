"""Ansible: one playbook, pipelining and ControlPersist on, no facts gathered."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.tools.job import Command, Job
from benchmarks.work import SSHD_CONFIG, Work, commented

_CONFIGURATION = """\
[defaults]
forks = {parallel}
gathering = explicit
host_key_checking = True
retry_files_enabled = False
local_tmp = {directory}/tmp
[connection]
pipelining = True
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=600s -o UserKnownHostsFile={known_hosts} -o StrictHostKeyChecking=yes
control_path_dir = {sockets}
"""
# What a run leaves behind serves the next round, as it serves a user's next run; not the next case.
_END_CONNECTIONS = 'for socket in "$1"/*; do [ ! -S "$socket" ] || ssh -o ControlPath="$socket" -O exit x; done'


def prepare(job: Job) -> Command:
    """Write the configuration, the inventory and the playbook."""
    sockets = Path(f"{job.directory}-cp")  # short: the name of a socket has a limit
    sockets.mkdir(mode=0o700, exist_ok=True)
    configuration = job.directory / "ansible.cfg"
    configuration.write_text(
        _CONFIGURATION.format(
            parallel=job.parallel, directory=job.directory, known_hosts=job.access.known_hosts, sockets=sockets
        ),
        encoding="utf-8",
    )
    hosts = {
        target.name: {
            "ansible_host": target.address,
            "ansible_port": target.port,
            "ansible_user": target.user,
            "ansible_ssh_private_key_file": job.access.private_key,
            "ansible_python_interpreter": "/usr/bin/python3" if target.by_sudo else sys.executable,
            "directory": target.directory,
        }
        for target in job.targets
    }
    play = {
        "hosts": "all",
        "gather_facts": False,
        "become": job.targets[0].by_sudo,
        "tasks": list(_tasks(job.work, job.directory)),
    }
    (job.directory / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    (job.directory / "playbook.json").write_text(json.dumps([play], indent=1), encoding="utf-8")
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return Command(
        (program, "--inventory", f"{job.directory}/inventory.json", f"{job.directory}/playbook.json"),
        {"ANSIBLE_CONFIG": str(configuration)},
        (program, "--version"),
        (("sh", "-c", _END_CONNECTIONS, "sh", str(sockets)),),
    )


def _tasks(work: Work, directory: Path) -> Iterator[dict[str, Any]]:
    for file in work.files:
        (directory / file.name).write_text(file.content, encoding="utf-8")
        place = {"src": str(directory / file.name), "dest": "{{ directory }}/" + file.name}
        yield {"ansible.builtin.copy": {**place, "mode": file.mode, "owner": "root", "group": "root"}}
    for unit in work.services:
        yield {"ansible.builtin.systemd_service": {"name": unit, "state": "started", "enabled": True}}
    for keyword, value in work.settings:
        line = {"regexp": commented(keyword), "line": f"{keyword} {value}"}
        yield {"ansible.builtin.lineinfile": {"path": SSHD_CONFIG, **line}}
