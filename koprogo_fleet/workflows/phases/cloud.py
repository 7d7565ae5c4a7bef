"""The objects at OVH that the fleet consists of."""

from __future__ import annotations

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.floating_ips import FloatingIp
from koprogo_fleet.provision.apply import apply, stop_unless_allowed
from koprogo_fleet.provision.kinds.balancer_address import address_of_balancer
from koprogo_fleet.provision.kinds.floating_ip import FloatingIpKind
from koprogo_fleet.provision.kinds.instance import INSTANCES
from koprogo_fleet.provision.site import Limits, no_files
from koprogo_fleet.ssh.host_keys import KnownHosts, make_host_key
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.half_done import told_if_it_fails
from koprogo_fleet.workflows.ovh import FleetAtOvh

LOOK_LASTS = 30.0
"""Seconds. No person is asked between the look and what is done, and nobody else may change the fleet meanwhile."""


class RecordedHostKeys:
    """Makes host keys for new nodes, and records each before it is used."""

    def __init__(self, known_hosts: KnownHosts) -> None:
        self._known_hosts = known_hosts

    def new(self, name: str) -> tuple[Secret, str]:
        """Return the private PEM and the public line of a new key, which known_hosts holds by then."""
        key = make_host_key()
        self._known_hosts.put(name, key.public_line)
        return key.private_pem, key.public_line


def look(run: Context) -> None:
    """
    Set what exists beside fleet.yaml, and stop before anything is done if it must not be.

    Raises:
        OverBudget: the fleet would cost more than it may, or nobody can tell.
        NotConverged: a step needs a person first, or loses data and is not confirmed.
    """
    here = FleetAtOvh(run.fleet, run.api, run.target.credentials.endpoint, run.vault, run.listener)
    observed = here.observe()
    wanted = here.plan(observed)
    run.nodes_exist = bool(
        {instance.name for instance in observed.of(INSTANCES)} & {node.name for node in run.fleet.nodes}
    )
    for note in wanted.notes:
        run.listener(note)
    run.report.differences += wanted.differences
    here.tell_price(wanted, run.budget)
    run.wanted = wanted
    if not run.dry_run:
        stop_unless_allowed(wanted, run.confirmed)


def cloud(run: Context) -> None:
    """Create what is missing; change, replace and delete what fleet.yaml and a person say."""
    assert run.wanted is not None  # noqa: S101 - the phases' order guarantees it
    if not run.dry_run:
        with told_if_it_fails(run.wanted, run.target.credentials, run.listener, run.vault):
            ready = apply(
                run.wanted,
                run.api,
                RecordedHostKeys(run.known_hosts),
                confirmed=run.confirmed,
                first_files=run.signatures.first_files if run.signatures else no_files,
                keeper=run.vault,
                listener=run.listener,
                limits=Limits(look_lasts=LOOK_LASTS),
            )

        def floating_ip(kind: FloatingIpKind, name: str) -> FloatingIp | None:
            found = ready.get(kind.ref(name))
            return found.value if found else None

        run.balancer_address = address_of_balancer(run.fleet, run.wanted.observed, floating_ip)
