"""Nornir over hosts that are all one sshd of the loopback."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nornir.core import Nornir
from nornir.core.configuration import Config, LoggingConfig
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.processor import Processors
from nornir.core.state import GlobalState

from koprogo_fleet.runner.runner import FleetRunner
from koprogo_fleet.ssh.connection import CONNECTION_NAME, FleetSsh


def ssh_fleet(runner: FleetRunner, directory: Path, user: str, known_as: str, ports: Mapping[str, int]) -> Nornir:
    """Return Nornir with *runner*; *directory* holds id_ed25519 and known_hosts, where all hosts are *known_as*."""
    ConnectionPluginRegister.register(CONNECTION_NAME, FleetSsh)
    extras = {
        "private_key": str(directory / "id_ed25519"),
        "known_hosts": str(directory / "known_hosts"),
        "host_key_alias": known_as,
        "connect_timeout": 5,
    }
    options = {CONNECTION_NAME: ConnectionOptions(extras=extras)}
    hosts = {
        name: Host(name, "127.0.0.1", port, user, connection_options=options, defaults=Defaults())
        for name, port in ports.items()
    }
    return Nornir(
        inventory=Inventory(Hosts(hosts), Groups(), Defaults()),
        config=Config(logging=LoggingConfig(enabled=False)),
        data=GlobalState(dry_run=False),
        processors=Processors(),
        runner=runner,
    )
