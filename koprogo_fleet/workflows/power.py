"""Switching a development fleet off for the night, and on again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from koprogo_fleet.core.errors import InputError, KubernetesError, OvhError, WaitTimeout
from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.fleet import Fleet, Role
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.cost import items
from koprogo_fleet.cost.estimate import estimate
from koprogo_fleet.cost.switched_off import switched_off
from koprogo_fleet.inventory.documents import HOSTS
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.instances import ACTIVE, SHELVED, Instance
from koprogo_fleet.ovh.prices import get_prices, subsidiary_of
from koprogo_fleet.provision.bill import wanted_of
from koprogo_fleet.provision.power import Power, check, fleet_instances, switch, to_switch
from koprogo_fleet.workflows.access import KUBECONFIG, api_tunnel
from koprogo_fleet.workflows.certificates import signatures
from koprogo_fleet.workflows.cloud import changing
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.run import Phase, Report, run_phases
from koprogo_fleet.workflows.target import CloudTarget
from koprogo_fleet.workflows.vault import vault_on_demand

READY_SECONDS = 300.0
FIELD = "power.may_switch_off"

_TITLES = {Role.AGENT: "Workers", Role.SERVER: "Servers"}


@dataclass(frozen=True)
class NodePower:
    """One node; *status* is OVH's word, or empty where there is no such instance; *billed* says for what one pays."""

    name: str
    role: Role
    status: str
    billed: str


def power_status(fleet: Fleet, target: CloudTarget, listener: Listener) -> tuple[NodePower, ...]:
    """Return how each node is; one call."""
    there = fleet_instances(fleet, OvhApi(target.credentials, listener))
    return tuple(_node_power(node.name, node.role, there.get(node.name)) for node in fleet.nodes)


def may_switch_off(fleet: Fleet) -> None:
    """
    Do nothing, if fleet.yaml says that the fleet may be switched off.

    Raises:
        InputError: it does not.
    """
    if not fleet.power.may_switch_off:
        raise InputError(
            f"the fleet {fleet.name} may not be switched off",
            cause=f"its fleet.yaml does not say {FIELD}: true, as that of a development fleet may",
            next_step=f"look whether this is the fleet that you mean (--env); then set {FIELD} in its fleet.yaml",
        )


def power_off(fleet: Fleet, target: CloudTarget, listener: Listener, report: Report, *, shelve: bool = False) -> None:
    """
    Stop all instances, or shelve them, workers first; say what that saves. A fleet that is off gets no further call.

    Nothing is drained: everything stops, and starts again where it was.

    Raises:
        InputError: fleet.yaml does not allow it, or an instance is in a state that a person has to look at.
        WaitTimeout: an instance does not get there.
        OvhError: the API refuses.
    """
    may_switch_off(fleet)
    wanted = Power.SHELVED if shelve else Power.OFF
    _switch(fleet, target, listener, report, wanted=wanted, order=(Role.AGENT, Role.SERVER))
    for sentence in _saving(fleet, target, listener, shelved=shelve):
        listener(Note(sentence))


def power_on(  # noqa: PLR0913 - what it needs, by name
    fleet: Fleet,
    directory: Path,
    target: CloudTarget,
    listener: Listener,
    report: Report,
    *,
    ready_seconds: float = READY_SECONDS,
) -> None:
    """
    Start all instances, servers first, until they are ACTIVE; and wait for Ready nodes where the cluster can be reached.

    Raises:
        InputError: an instance is in a state that a person has to look at.
        WaitTimeout: an instance does not get there, or a node of a cluster that can be reached does not become Ready.
        OvhError: the API refuses.
    """
    wait = Phase[OvhApi]("Nodes: Ready", lambda _api: _until_ready(fleet, directory, target, listener, ready_seconds))
    _switch(fleet, target, listener, report, wanted=Power.ON, order=(Role.SERVER, Role.AGENT), then=(wait,))


def _switch(  # noqa: PLR0913 - what it needs, by name
    fleet: Fleet,
    target: CloudTarget,
    listener: Listener,
    report: Report,
    *,
    wanted: Power,
    order: tuple[Role, Role],
    then: tuple[Phase[OvhApi], ...] = (),
) -> None:
    def group(role: Role) -> Phase[OvhApi]:
        names = {node.name for node in fleet.nodes if node.role is role}

        def run(api: OvhApi) -> None:
            there = {name: one for name, one in fleet_instances(fleet, api).items() if name in names}
            todo = to_switch(there, wanted)
            report.differences += todo.values()
            switch(api, fleet, todo, wanted, listener=listener)

        return Phase(f"{_TITLES[role]}: {wanted}", run)

    with changing(fleet, f"power {'on' if wanted is Power.ON else 'off'}", target, listener) as journal:
        api = OvhApi(target.credentials, listener)
        there = fleet_instances(fleet, api)
        if missing := [node.name for node in fleet.nodes if node.name not in there]:
            listener(Note(f"not there, so not switched {wanted}: {', '.join(missing)}"))
        check(fleet, there, wanted)
        run_phases((*map(group, order), *then), api, report, listener, step=journal.step)


def _saving(fleet: Fleet, target: CloudTarget, listener: Listener, *, shelved: bool) -> Iterator[str]:
    api = OvhApi(target.credentials, listener)
    there = fleet_instances(fleet, api)
    try:
        prices = get_prices(api, subsidiary_of(target.credentials.endpoint))
    except OvhError as error:
        yield f"what it saves is not known, because OVH's price catalogue cannot be read: {error.seen}"
        return
    yield from switched_off(estimate(_billed(fleet, there), prices), shelved=shelved).sentences()


def _billed(fleet: Fleet, there: Mapping[str, Instance]) -> Iterator[items.Wanted]:
    for item in wanted_of(fleet):
        if item.kind is not items.Kind.INSTANCE:
            yield item
        elif item.name in there:
            monthly = there[item.name].monthly
            yield replace(item, billing=items.Billing.MONTHLY if monthly else items.Billing.HOURLY)


def _node_power(name: str, role: Role, instance: Instance | None) -> NodePower:
    if instance is None:
        return NodePower(name, role, "", "nothing: there is no such instance")
    if instance.monthly:
        billed = "by the month"
    elif instance.status in SHELVED:
        billed = "its snapshot only"
    else:
        billed = "by the hour" if instance.status == ACTIVE else "by the hour, as if it were on"
    return NodePower(name, role, instance.status, billed)


def _until_ready(fleet: Fleet, directory: Path, target: CloudTarget, listener: Listener, seconds: float) -> None:
    state, reached = state_dir(fleet.name), False
    if not ((state / KUBECONFIG).exists() and (directory / HOSTS).exists()):
        listener(Note("whether the nodes are Ready is not known here: the cluster was not made from this machine"))
        return
    servers = [node.name for node in fleet.servers]

    def look() -> None:
        nonlocal reached
        nornir = open_nornir(directory)
        try:
            with api_tunnel(nornir, servers, state) as kubeconfig, Cluster.from_file(kubeconfig) as cluster:
                ready = {node.name for node in cluster.nodes() if node.ready}
        except KubernetesError as error:
            raise NotYet(error.seen.splitlines()[0]) from error
        finally:
            nornir.close_connections()
        reached = True
        if missing := [node.name for node in fleet.nodes if node.name not in ready]:
            raise NotYet(f"not Ready: {', '.join(missing)}")

    try:
        with vault_on_demand(target.vault) as vault, signatures(fleet, vault):
            wait_for(
                f"all {len(fleet.nodes)} nodes Ready",
                look,
                seconds=seconds,
                listener=listener,
                next_step="koprogo-fleet k3s status; on the node: journalctl -u k3s -u k3s-agent -n 100",
            )
    except WaitTimeout as error:
        if reached:
            raise
        listener(Note(f"the instances are on; whether the nodes are Ready is not known: {error.last_observation}"))
