"""Servers that would disagree, and a cluster that would have to change what it cannot, are told before anything is done."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.agreement import (
    Written,
    after_the_run,
    agreed_backend,
    effective,
    require_equal,
    require_unchanged,
)
from koprogo_fleet.hosts.k3s.observed import Observed

OURS = "flannel-backend: vxlan\ndisable:\n  - traefik\n  - servicelb\nsecrets-encryption: true\n"
DROP_IN = f"{paths.CONFIG_DROP_INS}/90-mine.yaml"


def server(drop_in: str = "", config: str = "") -> Observed:
    """Return what was found on a server."""
    files = {paths.CONFIG: config} | ({DROP_IN: drop_in} if drop_in else {})
    return Observed(frozenset(), files, bool(config), "", frozenset(), frozenset(), frozenset())


def future(*servers: Observed) -> dict[str, dict[str, Written]]:
    """Return what the servers will be configured with."""
    return {f"cp-{number}": effective(after_the_run(OURS, seen)) for number, seen in enumerate(servers, 1)}


def test_files_are_merged_as_k3s_does() -> None:
    """The last value wins, a list is replaced whole or, with a plus, appended to; the rest is K3s' default."""
    found = effective({"a": "disable: [traefik]\ncluster-cidr: 10.1.0.0/16\n", "b": "disable+: servicelb\nx: y\n"})

    assert ("servicelb,traefik", "b") == (found["disable"].value, found["disable"].file)
    assert ("10.1.0.0/16", "a") == (found["cluster-cidr"].value, found["cluster-cidr"].file)
    assert "K3s' default" == found["service-cidr"].file


def test_servers_that_agree_are_fine() -> None:
    """Other keys in files of their own, and the same one on all, are nobody's business."""
    require_equal(future(server("debug: true\n"), server(), server("node-label: [a=b]\n")))
    require_equal(future(*[server("egress-selector-mode: disabled\n")] * 3))


def test_the_difference_is_named_with_its_file() -> None:
    """Key, each server's value and the file that it comes from are in the message."""
    with pytest.raises(NotConverged) as caught:
        require_equal(future(server(), server("disable: [traefik]\negress-selector-mode: pod\n")))

    assert f"disable is cp-1: servicelb,traefik ({paths.CONFIG}), cp-2: traefik ({DROP_IN})" in str(caught.value)
    assert "egress-selector-mode is cp-1: agent (K3s' default), cp-2: pod" in str(caught.value)


def test_a_file_that_is_not_yaml_is_told() -> None:
    """K3s would not start with it."""
    with pytest.raises(InputError, match="on the node is not YAML"):
        future(server("a: ["))


@pytest.mark.parametrize(
    ("before", "field"),
    [
        ("flannel-backend: host-gw\n", "flannel-backend (k3s.flannel_backend) from host-gw to vxlan"),
        ("cluster-cidr: 10.9.0.0/16\n", "cluster-cidr (network.pods) from 10.9.0.0/16 to 10.42.0.0/16"),
        ("service-cidr: 10.9.0.0/16\n", "service-cidr (network.services) from 10.9.0.0/16 to 10.43.0.0/16"),
    ],
)
def test_what_is_for_ever_is_refused_with_its_reason(before: str, field: str) -> None:
    """A running cluster keeps its networks and its backend, whatever fleet.yaml says."""
    present = {name: effective({paths.CONFIG: OURS + before}) for name in ("cp-1", "cp-2")}
    with pytest.raises(NotConverged) as caught:
        require_unchanged(present, future(server())["cp-1"])

    assert field in str(caught.value)


def test_one_server_that_was_edited_by_hand_is_not_the_cluster() -> None:
    """Where servers differ the run puts the edited one right; before there is a cluster everything may be wanted."""
    edited = effective({paths.CONFIG: "flannel-backend: host-gw\n"})
    whole = effective({paths.CONFIG: OURS})

    require_unchanged({"cp-1": whole, "cp-2": edited, "cp-3": whole}, whole)
    require_unchanged({}, whole)
    assert "vxlan" == agreed_backend({"cp-1": edited, "cp-2": whole, "cp-3": whole})
    assert agreed_backend({}) is None
