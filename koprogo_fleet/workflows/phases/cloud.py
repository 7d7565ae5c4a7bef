"""The objects at OVH that the fleet consists of."""

from __future__ import annotations

from koprogo_fleet.core.errors import OverBudget, OvhError
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.prices import get_prices, subsidiary_of
from koprogo_fleet.provision.apply import apply
from koprogo_fleet.provision.bill import check_plan, plan_cost
from koprogo_fleet.provision.kinds.instance import INSTANCES
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import Plan, plan
from koprogo_fleet.provision.site import no_files
from koprogo_fleet.ssh.host_keys import KnownHosts, make_host_key
from koprogo_fleet.ssh.user_keys import ensure_private_key
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.half_done import told_if_it_fails


class RecordedHostKeys:
    """Makes host keys for new nodes, and records each before it is used."""

    def __init__(self, known_hosts: KnownHosts) -> None:
        self._known_hosts = known_hosts

    def new(self, name: str) -> tuple[Secret, str]:
        """Return the private PEM and the public line of a new key, which known_hosts holds by then."""
        key = make_host_key()
        self._known_hosts.put(name, key.public_line)
        return key.private_pem, key.public_line


def cloud(run: Context) -> None:
    """Create what is missing, find by name what exists; replace and delete what fleet.yaml and a person say."""
    observed = observe(run.api, run.fleet, run.vault)
    wanted = plan(run.fleet, observed, ensure_private_key(run.private_key))
    run.nodes_exist = bool(
        {instance.name for instance in observed.of(INSTANCES)} & {node.name for node in run.fleet.nodes}
    )
    for note in wanted.notes:
        run.listener(note)
    run.report.differences += wanted.differences
    _money(run, wanted)
    if not run.dry_run:
        first_files = run.signatures.first_files if run.signatures else no_files
        with told_if_it_fails(wanted, run.target.credentials, run.listener, run.vault):
            apply(
                wanted,
                run.api,
                RecordedHostKeys(run.known_hosts),
                confirmed=run.confirmed,
                first_files=first_files,
                keeper=run.vault,
                listener=run.listener,
            )


def _money(run: Context, wanted: Plan) -> None:
    """
    Tell what the plan does to the monthly bill; without prices it goes on, unless there is a budget.

    Raises:
        OverBudget: the fleet would cost more than it may, or nobody can tell.
    """
    budget = run.budget
    if not wanted.steps and budget is None:
        return
    try:
        prices = get_prices(run.api, subsidiary_of(run.target.credentials.endpoint))
    except OvhError as error:
        if budget is None:
            run.listener(Note(f"the plan is shown without its price: {error.seen}"))
            return
        raise OverBudget(
            f"nothing was done: whether the plan fits the budget of {budget:.2f} a month cannot be told: {error.seen}",
            cause="OVH's price catalogue cannot be read",
            next_step="run the command again later; or without a budget (budget in fleet.yaml, --budget)",
        ) from error
    cost = plan_cost(wanted, prices)
    run.listener(cost.told(budget))
    if budget is not None:
        check_plan(cost, budget)
