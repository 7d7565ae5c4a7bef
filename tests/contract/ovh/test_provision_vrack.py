"""The project and owned servers are brought into the vRack at the emulator; nothing takes them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from emulated_balancer import destroyed, provision, the_plan
from emulated_cloud import Cloud
from emulated_fleet import FLEET, OBJECTS, objects, posts
from network_scene import SERVER, VRACK_MAC, add_server

from koprogo_fleet.core.errors import InputError, NotConverged, OvhError
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.inventory.sync import sync
from koprogo_fleet.lab.ovh_api import owned
from koprogo_fleet.ovh import dedicated_servers, vracks

FIRST, SECOND = "pn-000001", "pn-000002"
METAL = {"name": "koprogo-metal-1", "service": SERVER, "role": "agent", "vrack_address": "10.0.0.31"}


def fleet(vrack: str | None = None, *servers: dict[str, Any], workers: int = 0) -> Fleet:
    """Return a fleet with so many workers, in this vRack, with these servers."""
    document = FLEET.model_dump(mode="json")
    document["pools"][1]["count"] = workers
    document["network"]["vrack_service"] = vrack
    return Fleet.model_validate({**document, "dedicated_servers": servers})


def in_no_vrack(cloud: Cloud) -> None:
    """Take the project out of its vRack, and have a second one."""
    owned.add_vrack(cloud.state, SECOND)
    with cloud.state.change() as data:
        data["vracks"][FIRST]["members"]["cloudProject"].clear()


def differences(cloud: Cloud, wanted: Fleet) -> list[str]:
    """Return the plan as people see it."""
    return [str(difference) for difference in the_plan(cloud, wanted).differences]


def test_project_is_attached_first(cloud: Cloud) -> None:
    """A project in no vRack is put into the one that fleet.yaml names, before its network is made; once."""
    in_no_vrack(cloud)
    wanted = fleet(SECOND)
    assert f"create project in vRack {SECOND}: attached" in differences(cloud, wanted)

    provision(cloud, wanted)
    provision(cloud, wanted)

    assert SECOND == vracks.find_vrack_of_project(cloud.api())
    assert 1 == posts(cloud, "/cloudProject")
    assert [] == differences(cloud, wanted)


def test_project_in_another_vrack(cloud: Cloud) -> None:
    """A project is not moved from one vRack to another: a person decides."""
    owned.add_vrack(cloud.state, SECOND)

    with pytest.raises(NotConverged, match=f"but the project is in {FIRST}"):
        provision(cloud, fleet(SECOND))

    assert FIRST == vracks.find_vrack_of_project(cloud.api())


def test_ovh_cancels_the_task(cloud: Cloud) -> None:
    """A task that OVH gives up is told with its word; the network is not tried."""
    in_no_vrack(cloud)
    cloud.fault("in-error", "POST", "*/cloudProject")

    with pytest.raises(OvhError, match="was cancelled"):
        provision(cloud, fleet(SECOND))

    assert 0 == objects(cloud)["networks"]


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success", "timeout-after-success"])
@pytest.mark.parametrize("path", ["*/cloudProject", "*/dedicatedServerInterface"])
def test_lost_answer(cloud: Cloud, path: str, kind: str) -> None:
    """An attachment whose answer is lost is looked for; what did not come true is asked for by the next run."""
    in_no_vrack(cloud)
    add_server(cloud)
    wanted = fleet(SECOND, METAL)
    cloud.fault(kind, "POST", path)

    if kind == "500-html":
        with pytest.raises(OvhError, match="did not appear"):
            provision(cloud, wanted, lost_answer=0.2)
    provision(cloud, wanted)

    assert [] == differences(cloud, wanted)


@pytest.mark.parametrize("is_legacy", [False, True])
def test_owned_server(cloud: Cloud, *, is_legacy: bool) -> None:
    """A server is attached by its interface, or an old one as a whole; then nothing is to be done."""
    add_server(cloud, is_legacy=is_legacy)
    wanted = fleet(None, METAL)
    assert f"create dedicated server koprogo-metal-1: {SERVER} into vRack {FIRST}" in differences(cloud, wanted)

    provision(cloud, wanted)

    assert (FIRST,) == dedicated_servers.list_vracks_of(cloud.api(), SERVER)
    before = len(cloud.requests("POST"))
    provision(cloud, wanted)
    assert before == len(cloud.requests("POST"))


def test_server_in_another_vrack(cloud: Cloud) -> None:
    """A server that serves another vRack is not moved."""
    add_server(cloud)
    owned.add_vrack(cloud.state, SECOND)
    with cloud.state.change() as data:
        data["dedicated_servers"][SERVER]["interfaces"][1]["vrack"] = SECOND

    with pytest.raises(NotConverged, match=f"vRack {SECOND} -> vRack {FIRST}"):
        provision(cloud, fleet(None, METAL))


def test_no_such_server(cloud: Cloud) -> None:
    """A server that the account does not have stops the plan; so does one without a private NIC, or no vRack at all."""
    with pytest.raises(InputError, match="the account has no dedicated server"):
        provision(cloud, fleet(None, METAL))
    add_server(cloud)
    with cloud.state.change() as data:
        data["dedicated_servers"][SERVER]["interfaces"].pop()
    with pytest.raises(InputError, match="has no private network interface"):
        provision(cloud, fleet(None, METAL))
    in_no_vrack(cloud)
    with pytest.raises(InputError, match="the project is in none"):
        provision(cloud, fleet(None, METAL))

    assert [] == cloud.requests("POST")


def test_destroy_leaves_what_is_owned(cloud: Cloud) -> None:
    """The fleet goes; the server stays in the vRack, and so does the project."""
    add_server(cloud)
    wanted = fleet(FIRST, METAL)
    provision(cloud, wanted)

    destroyed(cloud, wanted)

    assert dict.fromkeys(OBJECTS, 0) == objects(cloud)
    assert (FIRST,) == dedicated_servers.list_vracks_of(cloud.api(), SERVER)
    assert FIRST == vracks.find_vrack_of_project(cloud.api())


def test_server_is_in_the_inventory(cloud: Cloud, tmp_path: Path) -> None:
    """hosts.yaml has the server with its role, its addresses, and the MAC address of its vRack interface."""
    add_server(cloud)
    wanted = fleet(None, METAL)
    provision(cloud, wanted)

    sync(cloud.api(), wanted, tmp_path, Path("/state/id_ed25519"))

    text = (tmp_path / "hosts.yaml").read_text()
    for value in ("koprogo-metal-1:", "198.51.100.7", "10.0.0.31", VRACK_MAC, SERVER):
        assert value in text
    assert () == sync(cloud.api(), wanted, tmp_path, Path("/state/id_ed25519")).differences
