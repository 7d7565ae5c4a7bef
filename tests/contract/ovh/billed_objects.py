"""What is billed at the emulator, beside what the fleet wants: the check after every fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emulated_cloud import Cloud

from koprogo_fleet.core.errors import MissingCredentials
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.provision.plan import Plan
from koprogo_fleet.provision.site import Limits
from koprogo_fleet.vault.settings import VaultSettings
from koprogo_fleet.workflows.cloud import apply_saved, plan_cloud, save
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.target import OVH, CloudTarget

HASTY = Limits(lost_answer=2.0, late_list=1.0, deletion=10.0, look_every=0.05)
"""The product's waits, for an emulator that takes milliseconds for what OVH takes minutes for."""

KINDS = {
    "instances": "instance",
    "volumes": "volume",
    "gateways": "gateway",
    "load_balancers": "load balancer",
    "floating_ips": "floating IP",
    "containers": "bucket",
}
"""What OVH sends a bill for: the emulator's collections, and the engine's nouns."""


def no_vault() -> VaultSettings:
    """Stand for an environment without Vault."""
    raise MissingCredentials("no Vault here")


def target(cloud: Cloud) -> CloudTarget:
    """Return the emulator as the commands know it."""
    return CloudTarget(OVH, cloud.credentials(), no_vault)


def planned(cloud: Cloud, fleet: Fleet, listener: Listener = ignore) -> Plan:
    """Plan as ``koprogo-fleet cloud plan`` does."""
    return plan_cloud(fleet, target(cloud), listener)


def cloud_apply(  # noqa: PLR0913 - what it needs, by name
    cloud: Cloud,
    fleet: Fleet,
    directory: Path,
    listener: Listener | None = None,
    *,
    confirmed: frozenset[str] = frozenset(),
    limits: Limits = HASTY,
) -> Report:
    """Plan, save and apply, as ``koprogo-fleet cloud plan --out`` and ``cloud apply`` do; events are kept."""
    told, report = listener or cloud.events.append, Report()
    directory.mkdir(exist_ok=True)
    save(planned(cloud, fleet, told), directory / "plan")
    apply_saved(
        directory / "plan",
        fleet,
        directory,
        target(cloud),
        told,
        report=report,
        confirm=lambda _plan: confirmed,
        limits=limits,
    )
    return report


def billed(cloud: Cloud) -> Counter[tuple[str, str]]:
    """Count the objects that the emulator bills, whoever they belong to, by noun and name."""
    with cloud.state.look() as data:
        return Counter((noun, _name(item)) for name, noun in KINDS.items() for item in data[name].values())


def wanted(fleet: Fleet) -> Counter[tuple[str, str]]:
    """Count what *fleet* has to be billed for; said from fleet.yaml alone, without the engine."""
    return Counter(_wanted(fleet))


def assert_settled(cloud: Cloud, fleet: Fleet) -> None:
    """
    Assert what has to be so after every fault: the bill is the plan's, and nothing is left to be done.

    Raises:
        AssertionError: an object is missing, or there twice, or a next run would do something.
    """
    assert wanted(fleet) == billed(cloud)
    assert () == planned(cloud, fleet).steps


def converges(cloud: Cloud, fleet: Fleet, directory: Path) -> None:
    """Run once more, with no hand laid on anything, and assert that it settles."""
    cloud_apply(cloud, fleet, directory)
    assert_settled(cloud, fleet)


def _name(item: dict[str, Any]) -> str:
    return str(item.get("name") or item.get("ip"))


def _wanted(fleet: Fleet) -> Iterator[tuple[str, str]]:
    for node in fleet.nodes:
        yield "instance", node.name
        if node.volume is not None:
            yield "volume", node.name
