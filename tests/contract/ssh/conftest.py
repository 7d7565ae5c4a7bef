"""One real sshd for all tests of this folder, and a session to it for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from real_sshd import Sshd, running_sshd, sshd_program

from koprogo_fleet.ssh.connection import connect
from koprogo_fleet.ssh.session import Session


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Start sshd, or skip where there is none."""
    with running_sshd(sshd_program(), tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd


@pytest.fixture
def session(sshd: Sshd) -> Iterator[Session]:
    """Log in."""
    session = connect(sshd.login)
    yield session
    session.close()
