"""The encrypted backend where every kernel can; else a loud word, or a refusal."""

from __future__ import annotations

import subprocess

import pytest

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.hosts.k3s.backend import PREFERRED, PROBE, choose

ALL = frozenset(PREFERRED)
PLAIN = frozenset({"vxlan", "host-gw"})
ROUTES = frozenset({"host-gw"})


@pytest.mark.parametrize(
    ("wanted", "present", "possible", "expected", "warned"),
    [
        ("auto", None, [ALL, ALL], "wireguard-native", []),
        ("auto", None, [ALL, PLAIN], "vxlan", ["NOT encrypted", "n1", "k3s.flannel_backend: vxlan"]),
        ("auto", None, [ROUTES, PLAIN], "host-gw", ["NOT encrypted", "n0, n1"]),
        ("vxlan", None, [ALL, ALL], "vxlan", []),
        ("wireguard-native", None, [ALL, ALL], "wireguard-native", []),
        ("auto", "wireguard-native", [ALL, ALL], "wireguard-native", []),
        ("auto", "vxlan", [ALL, ALL], "vxlan", ["NOT encrypted", "the cluster has it"]),
    ],
)
def test_the_best_that_all_nodes_have_is_chosen(
    wanted: str, present: str | None, possible: list[frozenset[str]], expected: str, warned: list[str]
) -> None:
    """What is not encrypted is said, unless fleet.yaml names it; a cluster keeps what it has."""
    chosen = choose(wanted, present, {f"n{index}": backends for index, backends in enumerate(possible)})

    assert expected == chosen.backend
    assert bool(warned) == bool(chosen.warning)
    assert all(word in chosen.warning for word in warned)


@pytest.mark.parametrize(
    ("wanted", "present", "words"),
    [
        ("wireguard-native", None, "k3s.flannel_backend: vxlan"),
        ("wireguard-native", "wireguard-native", "k3s.flannel_backend: vxlan"),
        ("auto", "wireguard-native", "leave these nodes out"),
    ],
)
def test_a_node_that_cannot_is_named(wanted: str, present: str | None, words: str) -> None:
    """Neither a wish for encryption nor a cluster that has it is given up because of one node."""
    with pytest.raises(MissingRequirement, match="not possible on worker") as caught:
        choose(wanted, present, {"cp": ALL, "worker": PLAIN})

    assert words in str(caught.value.next_step)


def test_the_probe_leaves_no_device() -> None:
    """It finds at least plain routes, and nothing of it stays."""
    before = subprocess.run(["ip", "link"], capture_output=True, check=True).stdout
    printed = subprocess.run(["sh", "-c", PROBE], capture_output=True, text=True, check=True).stdout

    assert "backend host-gw\n" in printed
    assert before == subprocess.run(["ip", "link"], capture_output=True, check=True).stdout
