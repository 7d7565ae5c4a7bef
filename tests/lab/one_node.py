"""One Debian node of a lab without a cloud, with Nornir over our SSH connection."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from nornir.core import Nornir
from nornir.core.configuration import Config, LoggingConfig
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.state import GlobalState
from nornir.plugins.runners import SerialRunner

from koprogo_fleet.core.errors import LoginRefused, Unreachable
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.lab import Lab
from koprogo_fleet.lab.machines import PUBLIC_NETWORK, Machine, Port
from koprogo_fleet.lab.network import LabNetwork
from koprogo_fleet.lab.nspawn import NspawnMachines
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.lab.requirements import ensure_programs
from koprogo_fleet.ssh.connection import CONNECTION_NAME, FleetSsh, session_for
from koprogo_fleet.ssh.host_keys import KnownHosts, make_host_key
from koprogo_fleet.ssh.user_keys import ensure_private_key

NODE = "node-1"


@contextmanager
def one_node(lab: str, directory: Path, volume: str | None = None) -> Generator[Nornir]:
    """Boot a node, with a volume of 1 GB if one is named, and wait until it lets us in; *directory* keeps the keys."""
    ensure_programs()
    Lab(lab).down()
    paths = LabPaths(lab)
    paths.root.mkdir(mode=0o700, parents=True)
    LabNetwork(paths).up()
    ConnectionPluginRegister.register(CONNECTION_NAME, FleetSsh)
    try:
        nornir = _boot(NspawnMachines(paths), directory, volume)
        yield nornir
        nornir.close_connections()
    finally:
        ConnectionPluginRegister.deregister(CONNECTION_NAME)
        Lab(lab).down()


def _boot(machines: NspawnMachines, directory: Path, volume: str | None) -> Nornir:
    host_key = make_host_key()
    indented = "\n".join(f"    {line}" for line in host_key.private_pem.reveal().splitlines())
    user_data = (
        f"#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n{indented}\n"
        f"  ed25519_public: {host_key.public_line}\n"
    )
    subnet = machines.public_subnet
    address = subnet[21]
    machine = Machine(
        id=str(uuid.uuid4()),
        name=NODE,
        user_data=user_data,
        authorized_keys=(ensure_private_key(directory / "id_ed25519"),),
        ports=(Port(PUBLIC_NETWORK, "fa:16:3e:00:02:21", address, subnet.prefixlen, subnet[1]),),
    )
    machines.boot(machine)
    if volume:
        machines.attach_volume(machine.id, volume, 1)
    KnownHosts(directory / "known_hosts").put(NODE, host_key.public_line, [str(address)])
    options = ConnectionOptions(
        extras={
            "private_key": str(directory / "id_ed25519"),
            "known_hosts": str(directory / "known_hosts"),
            "host_key_alias": NODE,
            "connect_timeout": 3,
        }
    )
    host = Host(NODE, str(address), 22, "debian", connection_options={CONNECTION_NAME: options}, defaults=Defaults())
    nornir = Nornir(
        Inventory(Hosts({NODE: host}), Groups(), Defaults()),
        config=Config(logging=LoggingConfig(enabled=False)),
        data=GlobalState(),
        runner=SerialRunner(),
    )

    def lets_us_in() -> None:
        try:
            session = session_for(host, nornir.config)
        except (Unreachable, LoginRefused) as error:
            raise NotYet(str(error)) from error
        if session.run("cloud-init status --wait", timeout=120).exit_status == 1:
            raise NotYet("cloud-init failed")

    wait_for(f"{NODE} lets us in", lets_us_in, seconds=120, interval=0.5)
    return nornir
