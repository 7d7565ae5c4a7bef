"""The vRack interface, found by its MAC address."""

from __future__ import annotations

from ipaddress import IPv4Interface

from koprogo_fleet.hosts.baseline.vrack import VrackAddress
from koprogo_fleet.hosts.resource import Change, Fact, Refused, Unchanged

VRACK = VrackAddress("fa:16:3e:00:00:01", IPv4Interface("10.0.0.11/24"), 1500)


def fact(
    interface: str = "ens4", mtu: str = "1500", addresses: str = "10.0.0.11/24 ", content: str | None = None
) -> Fact:
    """Return what a node prints."""
    text = VRACK.content if content is None else content
    return Fact(0, f"{interface}\n{mtu}\n{addresses}\n{text}".encode())


def test_nothing_to_do_when_address_mtu_and_file_are_right() -> None:
    """A configured node is left alone."""
    assert Unchanged() == VRACK.decide(fact())


def test_a_missing_interface_is_refused() -> None:
    """Without the interface nothing is configured, least of all another one."""
    assert isinstance(VRACK.decide(fact(interface="", mtu="", addresses="", content="")), Refused)


def test_each_difference_is_named() -> None:
    """An address removed by hand, another MTU and a missing file are three differences."""
    decision = VRACK.decide(fact(mtu="9000", addresses="", content=""))

    assert isinstance(decision, Change)
    assert [
        "change vRack address 10.0.0.11/24: nothing -> 10.0.0.11/24",
        "change MTU of ens4: 9000 -> 1500",
        "create file /etc/systemd/network/05-koprogo-vrack.network",
    ] == [str(difference) for difference in decision.differences]


def test_the_default_route_stays_public() -> None:
    """The file has no gateway: it would take the default route from the public interface."""
    assert "Gateway" not in VRACK.content
