"""Real machines: nspawn, bridges, NAT, cloud-init and loop devices."""

from __future__ import annotations

import base64
import io
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import disks
from koprogo_fleet.lab.cgroups import Cgroup
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.machines import PUBLIC_NETWORK, Machine, Port
from koprogo_fleet.lab.network import LabNetwork, interface_prefix, interfaces, namespaces
from koprogo_fleet.lab.nspawn import NspawnMachines
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.lab.requirements import ensure_programs

pytestmark = pytest.mark.lab

LAB = "t-machines"
PRIVATE = "pn-1090175_0"
VOLUME = "0e3a0b2e-5d2e-4c3e-9a43-0b6f3f9f5c11"


def new_key() -> tuple[str, str]:
    """Return an OpenSSH private key and its public line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@dataclass
class Node:
    """A machine and how to log in to it."""

    machine: Machine
    login_key: str
    host_key: str

    def run(self, command: str, *, seconds: float = 60) -> str:
        """Log in with the key of the cloud's API, insist on the host key of the user-data, and run *command*."""
        address = str(self.machine.ports[0].address)
        with paramiko.SSHClient() as client:
            kind, blob = self.host_key.split()
            client.get_host_keys().add(address, kind, paramiko.Ed25519Key(data=base64.b64decode(blob)))
            pkey = paramiko.Ed25519Key.from_private_key(io.StringIO(self.login_key))
            client.connect(address, username="debian", pkey=pkey, timeout=5, allow_agent=False, look_for_keys=False)
            _, stdout, stderr = client.exec_command(command, timeout=seconds)
            output = stdout.read().decode()
            assert stdout.channel.recv_exit_status() == 0, f"{command}: {output}{stderr.read().decode()}"
            return output

    def wait_until_up(self, seconds: float = 120) -> None:
        """Return once the node lets us in."""

        def logged_in() -> None:
            try:
                self.run("true", seconds=5)
            except (OSError, EOFError, paramiko.SSHException) as error:
                raise NotYet(str(error)) from error

        wait_for(f"{self.machine.name} to let us in", logged_in, seconds=seconds, interval=0.3)


@pytest.fixture(scope="module")
def paths() -> Iterator[LabPaths]:
    """Give a lab of our own with its networks, and take it down afterwards."""
    ensure_programs()
    Lab(LAB).down()
    paths = LabPaths(LAB)
    paths.root.mkdir(mode=0o700, parents=True)
    LabNetwork(paths).up()
    yield paths
    Lab(LAB).down()


@pytest.fixture(scope="module")
def machines(paths: LabPaths) -> NspawnMachines:
    """Give the machines of the lab."""
    return NspawnMachines(paths)


@pytest.fixture(scope="module")
def nodes(machines: NspawnMachines) -> tuple[Node, Node]:
    """Boot two nodes that share a private network, and wait until their first boot is finished."""
    login_key, login_public = new_key()

    def node(number: int) -> Node:
        host_key, host_public = new_key()
        indented = "\n".join(f"    {line}" for line in host_key.splitlines())
        subnet = machines.public_subnet
        ports = (
            Port(PUBLIC_NETWORK, f"fa:16:3e:00:00:0{number}", subnet[10 + number], subnet.prefixlen, subnet[1]),
            Port(PRIVATE, f"fa:16:3e:00:01:0{number}", IPv4Address(f"10.0.0.{number}"), 24, None),
        )
        user_data = f"#cloud-config\nssh_keys:\n  ed25519_private: |\n{indented}\n  ed25519_public: {host_public}\n"
        return Node(
            Machine(str(uuid.uuid4()), f"node-{number}", user_data, (login_public,), ports), login_key, host_public
        )

    nodes = node(1), node(2)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda node: machines.boot(node.machine), nodes))
    for booted in nodes:
        booted.wait_until_up()
        assert "done" in booted.run("cloud-init status --wait", seconds=120)
    return nodes


def test_first_boot_is_a_cloud_images(nodes: tuple[Node, Node]) -> None:
    """A node has its name, passwordless sudo, no failed unit, and ens3 with the given MAC and address."""
    first, _ = nodes
    port = first.machine.ports[0]

    assert first.run("hostname").strip() == "node-1"
    assert first.run("sudo -n whoami").strip() == "root"
    assert first.run("systemctl --failed --no-legend").strip() == ""
    assert first.run("cat /sys/class/net/ens3/address").strip() == port.mac
    assert f"{port.address}/24" in first.run("ip -4 -o address show ens3")


def test_private_nic_is_left_to_its_owner(nodes: tuple[Node, Node]) -> None:
    """The private NIC is found by its MAC, down and without an address; once configured, the nodes reach each other."""
    for node in nodes:
        port = node.machine.ports[1]
        assert node.run("cat /sys/class/net/ens4/address").strip() == port.mac
        assert node.run("ip -4 -o address show ens4").strip() == ""
        node.run(f"sudo ip address add {port.address}/24 dev ens4 && sudo ip link set ens4 up")

    assert " 0% packet loss" in nodes[0].run(f"ping -c 2 -w 10 {nodes[1].machine.ports[1].address}")


def test_packages_and_firewall(nodes: tuple[Node, Node]) -> None:
    """The node's apt reaches a mirror through the host's address translation, and ufw filters packets."""
    _, node = nodes
    node.run("sudo apt-get -q update", seconds=120)
    node.run("sudo DEBIAN_FRONTEND=noninteractive apt-get -qq install -y ufw tree", seconds=180)
    node.run("sudo ufw allow 22/tcp && sudo ufw --force enable")

    assert "Status: active" in node.run("sudo ufw status")
    node.run("true")
    with pytest.raises(OSError, match="timed out"):
        socket.create_connection((str(node.machine.ports[0].address), 8080), timeout=1)


def test_kernel_settings_of_the_network_are_the_nodes_own(nodes: tuple[Node, Node]) -> None:
    """A node sets what belongs to its network; what would change the host's kernel is refused."""
    node, _ = nodes
    node.run("sudo sysctl -q -w net.ipv4.ip_forward=1")

    with pytest.raises(AssertionError, match="permission denied"):
        node.run("sudo sysctl -w kernel.panic=10")


def test_cgroups_are_the_nodes_own(nodes: tuple[Node, Node]) -> None:
    """The two systemd instances have different control groups, and the host knows which process is whose."""
    first, second = (Cgroup(LAB, node.machine.id) for node in nodes)

    assert first.leader() != second.leader()
    assert not first.processes() & second.processes()
    assert first.memory() > 1024**2


def test_volume_is_a_disk(machines: NspawnMachines, nodes: tuple[Node, Node]) -> None:
    """A volume can be formatted and mounted by UUID, and is mounted again after the plug was pulled."""
    node, other = nodes
    machine_id = node.machine.id
    machines.attach_volume(machine_id, VOLUME, 2)
    machines.attach_volume(machine_id, VOLUME, 2)
    device = disks.by_id(VOLUME)
    assert node.run(f"readlink -f {device}").strip() == "/dev/vdb"
    assert node.run(f"sudo blockdev --getsize64 {device}").strip() == str(2 * 1024**3)
    node.run(f"sudo mkfs.ext4 -q {device} && sudo mkdir -p /data")
    node.run(f'echo "UUID=$(sudo blkid -s UUID -o value {device}) /data ext4 nofail 0 2" | sudo tee -a /etc/fstab')
    node.run("sudo mount /data && echo kept | sudo tee /data/file && sync")
    with pytest.raises(KoprogoError, match="attached to node-1"):
        machines.attach_volume(other.machine.id, VOLUME, 2)

    machines.kill(machine_id)
    assert not machines.is_running(machine_id)
    machines.boot(node.machine)
    node.wait_until_up()

    assert node.run("cat /data/file").strip() == "kept"
    node.run("sudo umount /data")
    machines.detach_volume(machine_id, VOLUME)
    assert node.run(f"test -e {device} || echo gone").strip() == "gone"


def test_reboot_from_within(machines: NspawnMachines, nodes: tuple[Node, Node]) -> None:
    """A node that reboots itself comes back with what it had written."""
    node, _ = nodes
    node.run("sudo touch /before-reboot")
    before = Cgroup(LAB, node.machine.id).leader()
    with pytest.raises((OSError, EOFError, AssertionError, paramiko.SSHException)):
        node.run("sudo systemctl reboot; sleep 20")

    def rebooted() -> None:
        if Cgroup(LAB, node.machine.id).leader() in {before, None}:
            raise NotYet("the same PID 1")

    wait_for("a new PID 1", rebooted, seconds=60, interval=0.2)
    node.wait_until_up()

    assert machines.is_running(node.machine.id)
    node.run("test -e /before-reboot")


def test_stop_and_boot_again(machines: NspawnMachines, nodes: tuple[Node, Node]) -> None:
    """A stopped node is off until it is booted again, and a second boot of a running one changes nothing."""
    node, _ = nodes
    started = time.monotonic()
    machines.stop(node.machine.id)
    assert time.monotonic() - started < 50
    assert not machines.is_running(node.machine.id)

    machines.boot(node.machine)
    leader = Cgroup(LAB, node.machine.id).leader()
    machines.boot(node.machine)

    assert Cgroup(LAB, node.machine.id).leader() == leader
    node.wait_until_up()


def test_survives_the_death_of_its_supervisor(
    machines: NspawnMachines, nodes: tuple[Node, Node], paths: LabPaths
) -> None:
    """When nspawn itself is killed, booting ends what is left of the node and starts it anew."""
    node, _ = nodes
    before = Cgroup(LAB, node.machine.id).leader()
    supervisors = subprocess.run(
        ["pgrep", "-f", f"^systemd-nspawn .*{paths.machine(node.machine.id).root} "], capture_output=True, check=True
    ).stdout.split()
    for pid in supervisors:
        subprocess.run(["kill", "-KILL", pid], check=True)

    def off() -> None:
        if machines.is_running(node.machine.id):
            raise NotYet("running")

    wait_for("the node to count as off", off, seconds=60, interval=0.05)
    machines.boot_again(node.machine.id)

    assert Cgroup(LAB, node.machine.id).leader() != before
    node.wait_until_up()


def test_a_machine_that_is_gone_is_not_booted_again(
    machines: NspawnMachines, nodes: tuple[Node, Node], paths: LabPaths
) -> None:
    """A machine that is destroyed while somebody starts what was killed stays away, and nothing of it is left."""
    running, gone = nodes[0].machine, uuid.uuid4().hex

    machines.boot_again(running.id)
    machines.boot_again(gone)

    assert machines.is_running(running.id)
    assert not machines.is_running(gone)
    assert not list(paths.machines.glob(f"*{gone}*"))
    assert not list(paths.machines.glob(f".*{gone}*"))


def test_down_leaves_nothing(machines: NspawnMachines, nodes: tuple[Node, Node], paths: LabPaths) -> None:
    """Destroying nodes and taking the lab down leaves no interface, rule, mount, loop device, process or file."""
    machines.attach_volume(nodes[0].machine.id, VOLUME, 1)
    machines.destroy(nodes[1].machine.id)
    machines.destroy(nodes[1].machine.id)
    assert not paths.machine(nodes[1].machine.id).directory.exists()
    number = LabNetwork(paths).number
    assert len(interfaces(number)) == 4, "two bridges and the two NICs of the node that is left"

    Lab(LAB).down()

    assert interfaces(number) == namespaces(number) == []
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    assert "t_machines" not in tables
    assert str(paths.root) not in Path("/proc/mounts").read_text()
    assert (
        str(paths.root) not in subprocess.run(["losetup", "--all"], capture_output=True, text=True, check=True).stdout
    )
    assert not list(Path("/sys/fs/cgroup").glob(f"**/koprogo-lab-{LAB}"))
    assert subprocess.run(["pgrep", "-f", f"/labs/{LAB}/"], capture_output=True, check=False).stdout == b""
    assert not list(Path("/run/systemd/nspawn").glob(f"propagate/{interface_prefix(number)}*"))
    assert not paths.root.exists()
    assert not paths.lock.exists()
