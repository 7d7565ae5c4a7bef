"""The fleet as values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from koprogo_fleet.core.fleet import Fleet, Mistakes, Role


def _fleet(*pools: tuple[str, str, int, str], **sections: Any) -> Fleet:
    names = ("name", "role", "count", "first_address")
    return Fleet.model_validate(
        {
            "name": "koprogo",
            "k3s": {"version": "v1.33.4+k3s1"},
            "pools": [{**dict(zip(names, pool, strict=True)), "flavor": "b2-7"} for pool in pools],
            **sections,
        }
    )


def _mistakes(*pools: tuple[str, str, int, str], **sections: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        _fleet(*pools, **sections)
    (detail,) = caught.value.errors()
    mistakes = detail["ctx"]["error"]
    assert isinstance(mistakes, Mistakes)
    return [mistake.message for mistake in mistakes.found]


def test_nodes_are_in_a_stable_order() -> None:
    """Servers come first, whatever the order of the pools; names and addresses count up."""
    fleet = _fleet(("worker", "agent", 2, "10.0.0.21"), ("cp", "server", 1, "10.0.0.11"))

    assert [(node.name, str(node.vrack_address), node.is_first_server) for node in fleet.nodes] == [
        ("koprogo-cp-1", "10.0.0.11", True),
        ("koprogo-worker-1", "10.0.0.21", False),
        ("koprogo-worker-2", "10.0.0.22", False),
    ]
    assert fleet.nodes[0] == fleet.first_server


def test_a_pool_of_none_is_allowed() -> None:
    """A pool may be scaled to 0, wherever its addresses are."""
    fleet = _fleet(("cp", "server", 1, "10.0.0.11"), ("old", "agent", 0, "192.168.0.1"))

    assert len(fleet.nodes) == 1


def test_contradictions_are_told_all_at_once() -> None:
    """One even number of servers, one shared address and one port used twice are three mistakes."""
    found = _mistakes(
        ("cp", "server", 2, "10.0.0.11"), ("worker", "agent", 1, "10.0.0.12"), ingress={"http": 30001, "https": 30001}
    )

    assert found == [
        "2 control planes: etcd needs an odd number (2 survive no more failures than 1)",
        'pools "cp" and "worker" share the addresses 10.0.0.12',
        "port 30001 is used twice: http and https need one each",
    ]


def test_a_pool_inside_anothers_addresses_is_seen() -> None:
    """Overlap is found also between pools that are not neighbours when sorted."""
    found = _mistakes(
        ("cp", "server", 1, "10.0.0.11"),
        ("wide", "agent", 50, "10.0.0.20"),
        ("one", "agent", 1, "10.0.0.21"),
        ("two", "agent", 1, "10.0.0.60"),
    )

    assert found == [
        'pools "wide" and "one" share the addresses 10.0.0.21',
        'pools "wide" and "two" share the addresses 10.0.0.60',
    ]


def test_a_fleet_cannot_be_changed() -> None:
    """The desired state is a value."""
    fleet = _fleet(("cp", "server", 1, "10.0.0.11"))

    with pytest.raises(ValidationError, match="frozen"):
        fleet.name = "other"


@given(
    st.lists(
        st.tuples(st.sampled_from([str(role) for role in Role]), st.integers(0, 6), st.integers(1, 254)), max_size=4
    )
)
def test_a_fleet_that_is_accepted_can_be_built(pools: list[tuple[str, int, int]]) -> None:
    """Whatever passes has an odd number of servers, and nodes with unique names and usable, unique addresses."""
    try:
        fleet = _fleet(
            *((f"p{index}", role, count, f"10.0.0.{last}") for index, (role, count, last) in enumerate(pools))
        )
    except ValidationError:
        return
    addresses = [node.vrack_address for node in fleet.nodes]

    assert sum(node.role is Role.SERVER for node in fleet.nodes) % 2 == 1
    assert len(fleet.nodes) == len({node.name for node in fleet.nodes}) == len(set(addresses))
    assert set(addresses) <= set(fleet.network.vrack.hosts())
