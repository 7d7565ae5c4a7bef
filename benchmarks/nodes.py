"""Six real Debian systems of the embedded lab, whose user logs in to plain sh and becomes root by sudo."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bed import COMMAND, LOGIN, Served, write_access
from benchmarks.state import PRISTINE
from benchmarks.work import SSHD_CONFIG, Access, Target
from koprogo_fleet.core.errors import LoginRefused, Unreachable
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.cgroups import Cgroup
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.machines import PUBLIC_NETWORK, Machine, Port
from koprogo_fleet.lab.network import LabNetwork
from koprogo_fleet.lab.nspawn import NspawnMachines
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.lab.requirements import ensure_programs
from koprogo_fleet.ssh.connection import Login, connect
from koprogo_fleet.ssh.host_keys import HostKey, make_host_key
from koprogo_fleet.ssh.user_keys import ensure_private_key

LAB = "bench"
VRACK = "pn-bench_0"
DIRECTORY = "/etc/koprogo-bench"
_FIRST = 31
_BOOT_SECONDS = 180
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_COUNT = (
    "journalctl --sync; journalctl --unit=ssh --output=cat >/run/bench.log; "
    f"grep -c '{LOGIN}' /run/bench.log; grep -c '{COMMAND}' /run/bench.log; rm /run/bench.log"
)

# Units that start and stop at once, a log in which logins are counted, and no line of cloud-init's in sshd_config.
_PREPARE = f"""set -eu
usermod --shell /bin/sh debian
for name in mail web queue; do
  printf '[Service]\\nExecStart=sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' \
    >/etc/systemd/system/bench-$name.service
done
echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/00-bench.conf
systemctl daemon-reload
systemctl reload ssh
cp {SSHD_CONFIG} {PRISTINE}
"""


@dataclass(frozen=True)
class Nodes:
    """Implements :class:`~benchmarks.bed.Bed`."""

    targets: tuple[Target, ...]
    access: Access
    sshd_config: str
    leaders: Mapping[str, int]

    def run(self, scripts: Mapping[str, str]) -> Mapping[str, str]:
        """Run the scripts in the nodes' namespaces: SSH is what is measured."""
        with ThreadPoolExecutor() as pool:
            outputs = pool.map(lambda name: _inside(self.leaders[name], scripts[name]), scripts)
            return dict(zip(scripts, outputs, strict=True))

    def served(self) -> Served:
        """Count in the nodes' journals."""
        outputs = self.run(dict.fromkeys(self.leaders, _COUNT)).values()
        counts = [[int(word) for word in output.split()] for output in outputs]
        return Served(sum(logins for logins, _ in counts), sum(commands for _, commands in counts))


@contextmanager
def nodes(fleet: Fleet, directory: Path) -> Iterator[Nodes]:
    """Boot the nodes of *fleet* in a lab of their own; take it down."""
    directory.mkdir(mode=0o700)
    ensure_programs()
    Lab(LAB).down()
    paths = LabPaths(LAB)
    paths.root.mkdir(mode=0o700, parents=True)
    try:
        LabNetwork(paths).up()
        yield _boot(fleet, NspawnMachines(paths), directory)
    finally:
        Lab(LAB).down()


def _boot(fleet: Fleet, machines: NspawnMachines, directory: Path) -> Nodes:
    machines.ensure_network(VRACK)
    private_key = directory / "id_ed25519"
    public_key = ensure_private_key(private_key)
    subnet = machines.public_subnet
    booting, targets = [], []
    for number, node in enumerate(fleet.nodes):
        host_key, address = make_host_key(), subnet[_FIRST + number]
        ports = (
            Port(PUBLIC_NETWORK, f"fa:16:3e:0b:00:{number:02x}", address, subnet.prefixlen, subnet[1]),
            Port(VRACK, f"fa:16:3e:0b:01:{number:02x}", node.vrack_address, fleet.network.vrack.prefixlen, None),
        )
        booting.append(Machine(str(uuid.uuid4()), node.name, _user_data(host_key), (public_key,), ports))
        targets.append(
            Target(node.name, str(address), 22, fleet.ssh.user, host_key.public_line, DIRECTORY, ports[1].mac)
        )
    access = write_access(directory, private_key, tuple(targets))
    with ThreadPoolExecutor() as pool:
        list(pool.map(machines.boot, booting))
        list(pool.map(lambda target: _wait_until_up(target, access), targets))
    leaders = {machine.name: _leader(machine) for machine in booting}
    (sshd_config,) = {_inside(leader, f"{_PREPARE}cat {PRISTINE}") for leader in leaders.values()}
    return Nodes(tuple(targets), access, sshd_config, leaders)


def _user_data(host_key: HostKey) -> str:
    indented = "\n".join(f"    {line}" for line in host_key.private_pem.reveal().splitlines())
    return (
        f"#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n{indented}\n"
        f"  ed25519_public: {host_key.public_line}\n"
    )


def _wait_until_up(target: Target, access: Access) -> None:
    """Return once the first boot is finished."""
    login = Login(
        target.name, target.address, target.port, target.user, Path(access.known_hosts), Path(access.private_key)
    )

    def booted() -> None:
        try:
            session = connect(login)
        except (Unreachable, LoginRefused) as error:
            raise NotYet(str(error)) from error
        try:
            if session.run("cloud-init status --wait", timeout=_BOOT_SECONDS).exit_status == 1:
                raise NotYet("cloud-init failed")
        finally:
            session.close()

    wait_for(f"{target.name} lets us in", booted, seconds=_BOOT_SECONDS, interval=0.5)


def _leader(machine: Machine) -> int:
    leader = Cgroup(LAB, machine.id).leader()
    if leader is None:
        raise RuntimeError(f"{machine.name} is not running")
    return leader


def _inside(leader: int, script: str) -> str:
    command = ["nsenter", f"--target={leader}", "--all", "env", "-i", f"PATH={_PATH}", "LC_ALL=C", "sh", "-s"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"process {leader}: {done.stderr}")
    return done.stdout
