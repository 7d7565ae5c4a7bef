"""The resources on a real Debian node: by sudo, with its own firewall, disk, package manager and read-only settings."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence

import pytest
from nornir.core import Nornir
from nornir.core.task import MultiResult, Result, Task
from one_node import NODE, one_node

from koprogo_fleet.core.errors import CommandFailed, NotConverged, SessionLost
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import (
    Disk,
    File,
    Hostname,
    KernelModules,
    Packages,
    Service,
    SwapOff,
    Sysctl,
    Ufw,
    UfwRule,
)
from koprogo_fleet.ssh.connection import session_for
from koprogo_tasks._converge import converge

pytestmark = pytest.mark.lab

LAB = "t-converge"
VOLUME = "5a1f2c3d-0000-4000-8000-00000000c0de"
DEVICE = f"/dev/disk/by-id/virtio-{VOLUME[:20]}"

FIREWALL = Ufw(
    (
        UfwRule("22", "tcp", comment="ssh"),
        UfwRule("10250", "tcp", "10.0.0.0/24", "kubelet"),
        UfwRule("2379:2380", "tcp", "10.0.0.11", "etcd"),
        UfwRule(source="10.42.0.0/16", comment="pods"),
    )
)
RESOURCES: tuple[Resource, ...] = (
    Hostname("converged-1"),
    Packages(("ufw", "chrony")),
    Service("chrony"),
    Service("apt-daily-upgrade.timer", running=False, enabled=False),
    Service("cron"),
    FIREWALL,
    KernelModules(("br_netfilter",)),
    Sysctl({"net.ipv4.ip_forward": "1", "kernel.panic": "4711"}, "/etc/sysctl.d/90-koprogo.conf"),
    SwapOff(),
    Disk(DEVICE, "/var/lib/longhorn", label="longhorn"),
    File("/etc/ssh/sshd_config.d/10-koprogo.conf", "PasswordAuthentication no\n", validate="sshd -t -f %s"),
)


@pytest.fixture(scope="module")
def nornir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nornir]:
    """Boot one node with a volume."""
    with one_node(LAB, tmp_path_factory.mktemp("keys"), VOLUME) as nornir:
        yield nornir


def run(nornir: Nornir, resources: Sequence[Resource] = RESOURCES) -> MultiResult:
    """Converge the node; a failure is raised."""

    def task(task: Task) -> Result:
        return converge(task, resources)

    nornir.data.reset_failed_hosts()
    answer = nornir.run(task)[NODE]
    if answer.exception:
        raise answer.exception
    return answer


def by_hand(nornir: Nornir, script: str) -> str:
    """Change the node as a person would."""
    session = session_for(nornir.inventory.hosts[NODE], nornir.config)
    done = session.run_as_root("sh -s", stdin=script.encode(), timeout=60)
    assert done.exit_status == 0, done.stderr

    return done.stdout.decode()


def differences(result: MultiResult) -> list[str]:
    """Return what differed, as text."""
    return [str(difference) for difference in result[0].differences]  # type: ignore[attr-defined]


def test_from_fresh_to_nothing_to_do(nornir: Nornir) -> None:
    """One run brings a fresh Debian into the desired state, the second finds nothing, and says what cannot be had."""
    first = run(nornir)
    second = run(nornir)

    assert "create package ufw" in differences(first)
    assert f"create file system ext4 on {DEVICE}" in differences(first)
    assert [] == differences(second)
    assert not second.changed
    reasons = dict(second[0].not_applicable)  # type: ignore[attr-defined]
    assert "kernel.panic: read-only here" in reasons["kernel settings of /etc/sysctl.d/90-koprogo.conf"]
    state = by_hand(
        nornir, "hostname; findmnt -no FSTYPE /var/lib/longhorn; cat /proc/sys/net/ipv4/ip_forward; ufw status"
    )
    assert ["converged-1", "ext4", "1", "Status: active"] == state.splitlines()[:4]


def test_what_was_changed_by_hand_is_named_and_mended(nornir: Nornir) -> None:
    """After a person changed the node, exactly those things are named, mended, and then as desired."""
    run(nornir)
    by_hand(
        nornir,
        "iptables -N KUBE-TEST; iptables -A FORWARD -j KUBE-TEST\n"
        "ufw delete allow from 10.0.0.0/24 to any port 10250 proto tcp >/dev/null; ufw allow 9999/tcp >/dev/null\n"
        "iptables -D ufw-user-input -s 10.42.0.0/16 -j ACCEPT\n"
        "systemctl mask --now cron 2>/dev/null; umount /var/lib/longhorn\n"
        "echo 0 >/proc/sys/net/ipv4/ip_forward",
    )

    mended = differences(run(nornir))

    assert [
        "change service cron: masked -> running",
        "change start of service cron at boot: masked -> enabled",
        "create firewall rule allow 10250/tcp from 10.0.0.0/24 (kubelet)",
        "delete firewall rule allow 9999/tcp from anywhere",
        "create firewall rule allow any from 10.42.0.0/16 (pods): it is in ufw's files, but was taken out of the kernel",
        "change kernel setting net.ipv4.ip_forward: 0 -> 1",
        f"create mount of {DEVICE} at /var/lib/longhorn",
    ] == mended
    assert [] == differences(run(nornir))
    assert "-A FORWARD -j KUBE-TEST" in by_hand(nornir, "iptables -S FORWARD")


def test_flushed_firewall_comes_back(nornir: Nornir) -> None:
    """After `iptables -F` the firewall is not in force; it is mended without losing our connection."""
    run(nornir)
    by_hand(nornir, "iptables -P INPUT ACCEPT; iptables -F")

    assert ["change firewall: on, but not in force -> in force"] == differences(run(nornir))
    assert [] == differences(run(nornir))


def test_disk_with_something_else_is_not_formatted(nornir: Nornir) -> None:
    """A disk that holds another file system is refused, and stays as it is."""
    run(nornir)

    with pytest.raises(NotConverged, match="holds ext4, not xfs"):
        run(nornir, [Disk(DEVICE, "/var/lib/longhorn", fs="xfs")])

    assert [] == differences(run(nornir))


def test_package_manager_in_use_is_waited_for(nornir: Nornir) -> None:
    """While another process holds dpkg's lock we wait, and go on when it is free."""
    holder = (
        "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(5)"
    )
    encoded = base64.b64encode(holder.encode()).decode()
    by_hand(
        nornir, f"echo {encoded} | base64 -d >/run/hold.py; python3 /run/hold.py >/dev/null 2>&1 </dev/null &\nsleep 1"
    )

    assert ["create package tree"] == differences(run(nornir, [Packages(("tree",))]))
    assert [] == differences(run(nornir, [Packages(("tree",))]))


def test_package_that_does_not_exist(nornir: Nornir) -> None:
    """A package that no list has is named, after the lists were fetched anew."""
    with pytest.raises(CommandFailed, match="Unable to locate package koprogo-none"):
        run(nornir, [Packages(("koprogo-none",))])


def test_silent_network_is_noticed(nornir: Nornir) -> None:
    """When the network swallows everything, without a word, a running command is given up within 30 s."""
    session = session_for(nornir.inventory.hosts[NODE], nornir.config)
    rules = ("INPUT -p tcp --dport 22 -j DROP", "OUTPUT -p tcp --sport 22 -j DROP")
    cut = "; ".join(["sleep 1", *(f"iptables -I {rule}" for rule in rules)])
    heal = "; ".join(["sleep 32", *(f"iptables -D {rule}" for rule in rules)])
    by_hand(nornir, f"setsid sh -c '{cut}; {heal}' </dev/null >/dev/null 2>&1 &")
    begin = time.monotonic()

    with pytest.raises(SessionLost, match="the connection ended in the middle"):
        session.run("sleep 300", timeout=300)

    assert time.monotonic() - begin < 32
    time.sleep(max(0.0, begin + 35 - time.monotonic()))
    assert "back\n" == by_hand(nornir, "echo back")
