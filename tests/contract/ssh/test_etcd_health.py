"""Asking the servers about etcd, while it matters most: when not all of them answer."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from real_sshd import free_port
from small_fleet import nornir_of, running_nodes

from koprogo_fleet.core.quorum import EtcdHealth
from koprogo_fleet.ssh.connection import CONNECTION_NAME
from koprogo_tasks import etcd_health


def test_a_server_that_does_not_answer_counts_as_a_member_in_doubt(tmp_path: Path) -> None:
    """Without K3s a server is no member; one that cannot be asked may be one. No task's connection is touched."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("needs root and sshd (apt-get install openssh-server)")
    with running_nodes(program, ["cp-1"], tmp_path) as places:
        nornir = nornir_of({**places, "cp-2": replace(places["cp-1"], port=free_port())})

        assert EtcdHealth(frozenset({"cp-2"}), frozenset()) == etcd_health(nornir, ["cp-1", "cp-2"])
        assert not any(CONNECTION_NAME in host.connections for host in nornir.inventory.hosts.values())
