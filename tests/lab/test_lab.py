"""The lab as a whole: side by side with another one, healed after a crash, and gone without a trace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import openbao, processes
from koprogo_fleet.lab.cgroups import Cgroup
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.machines import Machine, Port
from koprogo_fleet.lab.network import LabNetwork, interfaces, namespaces
from koprogo_fleet.lab.nspawn import NspawnMachines

pytestmark = pytest.mark.lab


@pytest.fixture
def labs() -> Iterator[tuple[Lab, Lab]]:
    """Give two labs of our own, and take them down afterwards."""
    labs = Lab("t-blue"), Lab("t-green")
    for lab in labs:
        lab.down()
    yield labs
    for lab in labs:
        lab.down()


def boot(lab: Lab) -> Machine:
    """Boot a machine in *lab*, and return once its SSH server answers."""
    machines = NspawnMachines(lab.paths)
    subnet = machines.public_subnet
    port = Port("public", "fa:16:3e:00:00:01", subnet[10], subnet.prefixlen, subnet[1])
    machine = Machine(str(uuid.uuid4()), "node-1", "", (), (port,))
    machines.boot(machine)
    wait_for_ssh(machine)
    return machine


def wait_for_ssh(machine: Machine) -> None:
    """Return once the machine's SSH server greets."""

    def greeted() -> None:
        try:
            with socket.create_connection((str(machine.ports[0].address), 22), timeout=1) as connection:
                assert connection.recv(4) == b"SSH-"
        except OSError as error:
            raise NotYet(str(error)) from error

    wait_for("SSH to answer", greeted, seconds=90, interval=0.2)


def pull_the_hosts_plug(lab: Lab, machine: Machine) -> None:
    """Leave of the lab what a reboot of the host would: its files, and nothing else."""
    emulator = processes.running(lab.paths.emulator_pid)
    assert emulator is not None
    os.kill(emulator.pid, signal.SIGKILL)
    openbao.stop(lab.paths)
    Cgroup(lab.paths.name, machine.id).kill()
    subprocess.run(["umount", lab.paths.machine(machine.id).root], check=True)
    number = LabNetwork(lab.paths).number
    for interface in interfaces(number):
        subprocess.run(["ip", "link", "delete", interface], check=True)
    for namespace in namespaces(number):
        subprocess.run(["ip", "netns", "delete", namespace], check=True)
    subprocess.run(["nft", "delete", "table", "inet", f"koprogo_lab_{lab.paths.name.replace('-', '_')}"], check=True)


def test_two_labs_and_a_reboot(labs: tuple[Lab, Lab]) -> None:
    """Two labs share nothing; after a reboot of the host ``up`` brings one back with its machines and its secrets."""
    blue, green = labs
    endpoints, others = blue.up(), green.up()
    assert endpoints == blue.up()
    assert blue.status().subnet != green.status().subnet
    assert endpoints.ovh_url != others.ovh_url
    machine = boot(blue)

    pull_the_hosts_plug(blue, machine)
    assert not blue.status().up
    assert [listed.running for listed in blue.status().machines] == [False]
    assert blue.up() == endpoints

    wait_for_ssh(machine)
    assert blue.status().up
    assert [listed.running for listed in blue.status().machines] == [True]
    blue.down()
    assert green.status().up, "the neighbour is left alone"
    assert blue.status().subnet is None
    assert not blue.paths.root.exists()
