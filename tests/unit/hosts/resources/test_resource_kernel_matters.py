"""Decisions of the resources that concern the kernel and systemd: an own kernel, a packet filter's table, a masked unit."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Fact, NotApplicable, Unchanged
from koprogo_fleet.hosts.resources import Line, Masked, NftTable, OwnKernel
from koprogo_fleet.hosts.resources.own_kernel import IN_CONTAINER


def test_a_container_has_no_kernel_of_its_own() -> None:
    """In a container nothing is changed and nothing said to be done; elsewhere the resource decides."""
    wanted = OwnKernel(Line("/etc/x", "y"), "its host's")

    assert NotApplicable("its host's") == wanted.decide(Fact(IN_CONTAINER, b""))
    assert isinstance(wanted.decide(Fact(3, b"")), Change)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("LoadState=masked\nActiveState=inactive\n", []),
        ("LoadState=not-found\nActiveState=inactive\n", ["change unit rpcbind.socket: not installed -> masked"]),
        ("LoadState=loaded\nActiveState=active\n", ["change unit rpcbind.socket: running -> masked"]),
        ("LoadState=masked\nActiveState=active\n", ["change unit rpcbind.socket: running -> masked"]),
    ],
)
def test_masked(state: str, expected: list[str]) -> None:
    """A unit is masked before its package comes, and one that still runs is stopped."""
    decision = Masked("rpcbind.socket").decide(Fact(0, state.encode()))

    assert expected == ([str(item) for item in decision.differences] if isinstance(decision, Change) else [])
    assert expected or decision == Unchanged()


def test_a_table_has_a_plain_name() -> None:
    """A name that would be more than one word for nft is refused."""
    with pytest.raises(InputError, match="nftables table"):
        NftTable("x; flush ruleset", "")
