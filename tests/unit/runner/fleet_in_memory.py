"""Nornir over hosts that need no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nornir.core import Nornir
from nornir.core.configuration import Config, LoggingConfig
from nornir.core.inventory import Defaults, Group, Groups, Host, Hosts, Inventory, ParentGroups
from nornir.core.processor import Processor, Processors
from nornir.core.state import GlobalState

from koprogo_fleet.runner.runner import FleetRunner


def fleet(runner: FleetRunner, groups: Mapping[str, str], processors: Sequence[Processor] = ()) -> Nornir:
    """Return Nornir with *runner* over the hosts named in *groups*, each in its one group."""
    known = Groups({name: Group(name) for name in groups.values()})
    hosts = Hosts({host: Host(host, groups=ParentGroups([known[name]])) for host, name in groups.items()})
    return Nornir(
        inventory=Inventory(hosts, known, Defaults()),
        config=Config(logging=LoggingConfig(enabled=False)),
        data=GlobalState(dry_run=False),
        processors=Processors(processors),
        runner=runner,
    )


def agents(count: int) -> dict[str, str]:
    """Name *count* hosts of one group."""
    return {f"agent-{number}": "agent" for number in range(1, count + 1)}
