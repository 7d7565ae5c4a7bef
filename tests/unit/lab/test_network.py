"""Names and numbers of a lab's networks."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.lab.network import (
    LabNetwork,
    bridge_name,
    interface_prefix,
    namespace_name,
    subnet_of,
    veth_name,
)
from koprogo_fleet.lab.paths import LabPaths

IFNAMSIZ = 16


@given(number=st.integers(1, 254), network_id=st.text(), index=st.integers(0, 9))
def test_names_fit_into_the_kernel(number: int, network_id: str, index: int) -> None:
    """Every interface name is shorter than the kernel's limit and begins with its lab's prefix."""
    for name in (bridge_name(number, network_id), veth_name(number, str(uuid4()), index)):
        assert len(name) < IFNAMSIZ
        assert name.startswith(interface_prefix(number))


def test_prefixes_tell_labs_apart() -> None:
    """No lab's prefix begins another lab's: removing by prefix never touches a neighbour."""
    prefixes = [interface_prefix(number) for number in range(1, 255)]

    assert not [(one, other) for one in prefixes for other in prefixes if one != other and other.startswith(one)]


def test_names_are_stable_and_distinct() -> None:
    """The same NIC has the same name in every process; another machine, NIC or network has another."""
    assert veth_name(1, "a", 0) == veth_name(1, "a", 0)
    assert len({veth_name(1, machine, index) for machine in ("a", "b") for index in range(2)}) == 4
    assert bridge_name(7, "public") == "kl7-public"
    assert bridge_name(7, "pn-1_0") != bridge_name(7, "pn-1_1")
    assert namespace_name(7, "some-id") == "kl7-some-id"


def test_subnets_are_of_the_range_for_tests() -> None:
    """Each number has its own /24 of 198.18.0.0/16."""
    assert str(subnet_of(12)) == "198.18.12.0/24"


def test_a_lab_that_is_down_has_no_subnet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Asking for the subnet of a lab that is down is an error that names the command to bring it up."""
    monkeypatch.setenv("KOPROGO_LAB_DIR", str(tmp_path))

    with pytest.raises(KoprogoError) as caught:
        _ = LabNetwork(LabPaths("blue")).subnet

    assert caught.value.next_step == "koprogo-fleet lab up --lab blue"
