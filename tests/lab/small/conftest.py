"""A small fleet for what is done to a running cluster: provisioned once, and left whole by each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab_fleet import Fleet, make_fleet

FLEET = """\
name: koprogo
region: GRA11
image: Debian 12
network: {vrack: 10.0.0.0/24, vlan: 42}
pools:
  - {name: cp, role: server, count: 3, flavor: b2-7, first_address: 10.0.0.11}
  - {name: worker, role: agent, count: 2, flavor: b2-7, first_address: 10.0.0.21, volume: {size_gb: 20}}
k3s:
  version: v1.33.4+k3s1 # the one that runs
  endpoint: 10.0.0.10
backups: {region: GRA, bucket: koprogo-backups}
"""


@pytest.fixture(scope="package")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return three servers and two workers with a bucket for their snapshots; at the end their lab is taken down."""
    fleet = make_fleet("t-small", tmp_path_factory.mktemp("small"))
    (fleet.inventory / "fleet.yaml").write_text(FLEET)
    (fleet.inventory / "secrets.yaml").write_text("secrets: []\n")
    (fleet.inventory / "releases.yaml").write_text("releases: []\n")
    try:
        done = fleet.run("provision", "--yes", timeout=1500)
        assert done.returncode == 0, done.stdout + done.stderr

        yield fleet
    finally:
        fleet.run("lab", "down")
