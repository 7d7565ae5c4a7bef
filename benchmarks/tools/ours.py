"""koprogo_fleet: a script of a dozen lines, as its users write them, over an inventory of files."""

from __future__ import annotations

import sys

from benchmarks.tools.job import Command, Job
from benchmarks.work import WORKS
from koprogo_fleet.core.yamlfile import dump_yaml


def prepare(job: Job) -> Command:
    """Write the inventory, and the resources of each host."""
    hosts = {
        target.name: {
            "hostname": target.address,
            "port": target.port,
            "username": target.user,
            "data": {"directory": target.directory, "vrack": {"mac": target.vrack_mac}},
            "connection_options": {
                "fleet_ssh": {
                    "extras": {
                        "private_key": job.access.private_key,
                        "known_hosts": job.access.known_hosts,
                        "host_key_alias": target.name,
                    }
                }
            },
        }
        for target in job.targets
    }
    (job.directory / "hosts.yaml").write_text(dump_yaml(hosts, header="Written by the benchmark."), encoding="utf-8")
    (name,) = (name for name, work in WORKS.items() if work is job.work)
    fleet = () if job.fleet is None else (str(job.fleet),)
    arguments = ("-m", "benchmarks.tools.run_ours", str(job.directory), str(job.parallel), name, *fleet)
    return Command((sys.executable, *arguments))
