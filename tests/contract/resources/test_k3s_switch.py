"""Another release of K3s in the place of the one that runs, and back: the scripts themselves, on a node's file system."""

from __future__ import annotations

import hashlib

import pytest
from private_node import PrivateNode

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.switch import NOTHING_KEPT, Switched, back_script, staged

OLD, NEW = Release(1, 33, 4, 1), Release(1, 33, 5, 1)
UNIT = "/etc/systemd/system/k3s.service"
IMAGE = f"{paths.IMAGES}/images.tar"


def program(release: Release) -> str:
    """Return a program that says what it is, as K3s does."""
    return f"#!/bin/sh\necho 'k3s version {release} (test)'\n"


def put(node: PrivateNode, path: str, text: str) -> None:
    """Write a program to the node."""
    node.run(f"mkdir -p $(dirname {path}); cat >{path} <<'END'\n{text}END\nchmod 0755 {path}")


def waiting(node: PrivateNode) -> Switched:
    """Put the new release's files where they wait, and return what brings them into place."""
    files = {paths.BINARY: program(NEW), IMAGE: "new images\n"}
    found = [staged(NEW, path, hashlib.sha256(text.encode()).hexdigest(), "0755") for path, text in files.items()]
    for file, text in zip(found, files.values(), strict=True):
        put(node, file.staged, text)
    return Switched(NEW, Role.SERVER, found)


@pytest.fixture
def running(node: PrivateNode) -> PrivateNode:
    """Return a node that has the former release, and systemctl that only tells what it was asked."""
    put(node, paths.BINARY, program(OLD))
    put(node, UNIT, "old unit\n")
    put(node, paths.CONFIG, "old: config\n")
    put(node, IMAGE, "old images\n")
    put(node, "/usr/local/sbin/systemctl", '#!/bin/sh\necho "$*" >>/run/systemctl\n')
    return node


def test_what_is_replaced_is_kept_and_comes_back(running: PrivateNode) -> None:
    """Binary, unit and configuration are kept once, and put back whole before the restart is ordered."""
    switch = waiting(running)

    differences = running.converge(switch)
    assert f"change K3s: {OLD} -> {NEW}" == differences[0]
    assert f"k3s version {NEW} (test)\n" == running.run(f"{paths.BINARY} --version")
    assert "new images\n" == running.run(f"cat {IMAGE}")
    assert ["previous"] == running.run(f"ls {paths.STAGE}").split()
    assert [] == running.converge(switch)

    running.run(f"echo new >{UNIT}; echo new >{paths.CONFIG}; mkdir -p {paths.CONFIG}.d")
    running.run(back_script(Role.SERVER))
    assert f"k3s version {OLD} (test)\n" == running.run(f"{paths.BINARY} --version")
    assert "old unit\nold: config\n" == running.run(f"cat {UNIT} {paths.CONFIG}")
    assert "restart --no-block k3s" == running.run("cat /run/systemctl").splitlines()[-1]


def test_a_switch_that_was_broken_off_keeps_the_former_release(running: PrivateNode) -> None:
    """With the binary in place and the images missing, the next run does the rest, and what is kept is the former one."""
    switch = waiting(running)
    running.converge(switch)
    put(running, IMAGE, "old images\n")
    put(running, switch.files[1].staged, "new images\n")

    assert 2 == len(running.converge(switch))
    assert f"k3s version {OLD} (test)\n" == running.run(f"{paths.KEPT}{paths.BINARY} --version")


def test_a_file_that_is_damaged_gets_no_name(running: PrivateNode) -> None:
    """What waits with another checksum is never put in the place of the one that runs."""
    switch = waiting(running)
    put(running, switch.files[0].staged, "damaged\n")

    assert running.mend(switch).exit_status != 0
    assert f"k3s version {OLD} (test)\n" == running.run(f"{paths.BINARY} --version")


def test_without_anything_kept_there_is_no_way_back(running: PrivateNode) -> None:
    """It says so, and touches nothing."""
    done = running.sh(back_script(Role.SERVER))

    assert NOTHING_KEPT == done.returncode
    assert f"k3s version {OLD} (test)\n" == running.run(f"{paths.BINARY} --version")
