"""Who leaves by a plan, and that the load balancer lets go first, at the emulator."""

from __future__ import annotations

import pytest
from emulated_balancer import api_of, provision, the_plan, with_balancer
from emulated_cloud import Cloud, until

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.ovh.instances import list_instances, stop_instance
from koprogo_fleet.provision.apply import apply
from koprogo_fleet.provision.kinds.load_balancer import LOAD_BALANCER
from koprogo_fleet.workflows.phases.leave import check_that_it_runs, gone_at_ovh, workers_that_leave


def members(cloud: Cloud) -> set[str]:
    """Return the names of the load balancer's members."""
    with cloud.state.look() as data:
        return {member["name"] for member in data["members"].values()}


def test_the_load_balancer_lets_go_before_the_instance_does(cloud: Cloud) -> None:
    """Of a plan, the balancer's part can be done alone: its members are gone, the instance runs; the rest follows later."""
    provision(cloud, with_balancer(2))
    fewer = with_balancer(1)
    wanted = the_plan(cloud, fewer)
    assert ("koprogo-worker-2",) == workers_that_leave(wanted)

    apply(wanted.only(lambda step: step.kind is LOAD_BALANCER), api_of(cloud))

    assert {"koprogo-worker-1"} == members(cloud)
    assert "koprogo-worker-2" in {item.name for item in list_instances(cloud.api())}
    apply(wanted, api_of(cloud), confirmed=frozenset({"koprogo-worker-2"}))
    assert "koprogo-worker-2" not in {item.name for item in list_instances(cloud.api())}
    assert () == the_plan(cloud, fewer).steps


def test_replaced_workers_leave_too(cloud: Cloud) -> None:
    """An agent that is replaced has pods to drain, and is not dead; a control plane is not drained, and none leaves else."""
    fleet = with_balancer(2)
    provision(cloud, fleet)
    pools = (
        fleet.pools[0].model_copy(update={"flavor": "b2-7"}),
        fleet.pools[1].model_copy(update={"flavor": "b2-7"}),
    )

    wanted = the_plan(cloud, fleet.model_copy(update={"pools": pools}))

    assert {"koprogo-worker-1", "koprogo-worker-2"} == set(workers_that_leave(wanted))
    assert frozenset() == gone_at_ovh(wanted)
    assert () == workers_that_leave(the_plan(cloud, fleet))


def test_a_fleet_that_is_off_drains_nobody(cloud: Cloud) -> None:
    """Where every control plane is off it is said what to do first; one that is on suffices."""
    provision(cloud, with_balancer(2))
    api = cloud.api()
    check_that_it_runs(the_plan(cloud, with_balancer(1)))
    for item in list_instances(api):
        if "-cp-" in item.name:
            stop_instance(api, item.id)
    until(lambda: 3 == [item.status for item in list_instances(api)].count("SHUTOFF"))

    with pytest.raises(InputError, match="the control planes are off") as caught:
        check_that_it_runs(the_plan(cloud, with_balancer(1)))

    assert "power on" in (caught.value.next_step or "")
