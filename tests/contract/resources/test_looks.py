"""What every resource promises: to look is to change nothing."""

from __future__ import annotations

import pytest
from private_node import PrivateNode

from koprogo_fleet.hosts import resources
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import (
    Absent,
    AptSource,
    Archive,
    AuthorizedKeys,
    Binary,
    Block,
    Directory,
    Disk,
    File,
    Group,
    Hostname,
    KernelModules,
    Line,
    Masked,
    Mount,
    NftTable,
    OwnKernel,
    Packages,
    Service,
    SwapOff,
    Sysctl,
    Template,
    Timer,
    Ufw,
    UfwRule,
    Unit,
    User,
)

SUM = "0" * 64
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
EACH: tuple[Resource, ...] = (
    Absent("/etc/hosts"),
    AptSource("k", ("https://packages.example.invalid/",), ("./",), (), KEY),
    Archive("/etc/hosts", SUM, "/opt"),
    AuthorizedKeys("root", ()),
    Binary("/etc/hosts", SUM, "/etc/hosts"),
    Block("/etc/hosts", "x"),
    Directory("/etc", "0700"),
    Disk("/dev/disk/by-id/none", "/srv"),
    File("/etc/hosts", "x"),
    Group("root"),
    Hostname("x"),
    KernelModules(("none",)),
    Line("/etc/hosts", "x"),
    Masked("ssh"),
    Mount("x", "/srv/x", "tmpfs"),
    NftTable("none", ""),
    OwnKernel(Line("/etc/hosts", "x"), "why"),
    Packages(("koprogo-none",)),
    Service("ssh"),
    SwapOff(),
    Sysctl({"kernel.panic": "1"}, "/etc/sysctl.d/x"),
    Template("/etc/hosts", "x", {}),
    Timer("x", "daily", "/bin/true"),
    Ufw((UfwRule("22"),)),
    Unit("x.service", "x"),
    User("root"),
)


@pytest.mark.parametrize("resource", EACH, ids=lambda resource: type(resource).__name__)
def test_a_look_writes_nothing(node: PrivateNode, resource: Resource) -> None:
    """Whatever a look does on a node, no file of it is made, changed or removed."""
    node.decide(resource)

    assert [] == node.written()


def test_a_write_would_be_noticed(node: PrivateNode) -> None:
    """The tests above can fail."""
    node.run("touch /etc/hosts")

    assert [f"{node.root.parent}/upper/etc", f"{node.root.parent}/upper/etc/hosts"] == node.written()


def test_no_resource_is_left_out() -> None:
    """Every resource that can be imported is looked at here."""
    assert set(resources.__all__) - {"UfwRule"} == {type(resource).__name__ for resource in EACH}
