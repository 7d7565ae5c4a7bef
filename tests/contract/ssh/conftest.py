"""One real sshd for all tests of this folder, and a session to it for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from real_sshd import Sshd, running_sshd

from koprogo_fleet.ssh.connection import connect
from koprogo_fleet.ssh.session import Session


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Start sshd, or skip where there is none."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("needs root and sshd (apt-get install openssh-server)")
    with running_sshd(program, tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd


@pytest.fixture
def session(sshd: Sshd) -> Iterator[Session]:
    """Log in."""
    session = connect(sshd.login)
    yield session
    session.close()
