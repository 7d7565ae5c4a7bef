"""A fleet at the emulator: provisioned, counted, and left half done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from emulated_cloud import Cloud

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.provision.apply import Limits, apply
from koprogo_fleet.provision.keeper import NO_KEEPER, Keeper
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import Plan, plan

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0V koprogo"
FLEET = Fleet.model_validate(
    {
        "name": "koprogo",
        "pools": [
            {
                "name": "cp",
                "role": "server",
                "count": 3,
                "flavor": "b2-15",
                "first_address": "10.0.0.11",
                "anti_affinity": True,
            },
            {
                "name": "worker",
                "role": "agent",
                "count": 2,
                "flavor": "b2-30",
                "first_address": "10.0.0.21",
                "volume": {"size_gb": 200},
            },
        ],
        "k3s": {"version": "v1.33.4+k3s1"},
    }
)
QUICK: dict[str, Any] = {"look_every": 0.05}
OBJECTS = {"ssh_keys": 1, "networks": 1, "subnets": 1, "groups": 1, "instances": 5, "volumes": 2}


@dataclass
class RememberedHostKeys:
    """Host keys in memory; counts how often each node got one."""

    made: Counter[str] = field(default_factory=Counter)

    def new(self, name: str) -> tuple[Secret, str]:
        """Make a key."""
        self.made[name] += 1
        return Secret(f"private key of {name}"), f"ssh-ed25519 AAAA {name}"


def the_plan(cloud: Cloud, fleet: Fleet = FLEET, keeper: Keeper = NO_KEEPER) -> Plan:
    """Look, and plan."""
    return plan(fleet, observe(cloud.api(), fleet, keeper), KEY)


def provision(
    cloud: Cloud,
    fleet: Fleet = FLEET,
    *,
    confirmed: frozenset[str] = frozenset(),
    keeper: Keeper = NO_KEEPER,
    **limits: Any,
) -> RememberedHostKeys:
    """Plan and apply, as the workflow does."""
    host_keys = RememberedHostKeys()
    apply(
        the_plan(cloud, fleet, keeper),
        cloud.api(),
        host_keys,
        confirmed=confirmed,
        keeper=keeper,
        listener=cloud.events.append,
        limits=Limits(**{**QUICK, **limits}),
    )
    return host_keys


def objects(cloud: Cloud) -> dict[str, int]:
    """Count what exists."""
    with cloud.state.look() as data:
        return {name: len(data[name]) for name in OBJECTS}


def posts(cloud: Cloud, ending: str) -> int:
    """Count the POSTs to one list."""
    return sum(entry["path"].endswith(ending) for entry in cloud.requests("POST"))


def with_workers(count: int, **changes: Any) -> Fleet:
    """Return the fleet with so many workers, which have these *changes*."""
    cp, worker = FLEET.pools
    return FLEET.model_copy(update={"pools": (cp, worker.model_copy(update={"count": count, **changes}))})


class PulledPlugError(BaseException):
    """Stands for kill -9: nothing of ours handles it."""
