"""What is decided from what a node says: one line a case."""

from __future__ import annotations

import re

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Fact, NotApplicable, Refused, Resource, Unchanged
from koprogo_fleet.hosts.resources import (
    Disk,
    Hostname,
    KernelModules,
    Packages,
    Service,
    SwapOff,
    Sysctl,
)

UP = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nResult=success\n"
DISK = Disk("/dev/disk/by-id/virtio-7f3c", "/var/lib/longhorn", label="longhorn")
ON_DISK = "DEVICE=/dev/vdb\nPROBE=0\nTYPE=ext4\nUUID=u-1\nMOUNTED=yes\nFSTAB=UUID=u-1 ext4 defaults,nofail\n"
SETTINGS = Sysctl({"vm.panic_on_oom": "0", "net.ipv4.tcp_rmem": "4096 87380 6291456"}, "/etc/sysctl.d/90.conf")
MODULES = KernelModules(("overlay", "br_netfilter"))


def unit(**changes: str) -> str:
    """Return what systemd tells, with some lines changed."""
    facts = dict(line.split("=") for line in UP.splitlines())
    return "".join(f"{key}={value}\n" for key, value in {**facts, **changes}.items())


def settings(panic: str, rmem: str = "rw 4096\t87380\t6291456", mode: str = "644") -> str:
    """Return what a look at SETTINGS prints: how each can be had and its value; the file is as desired."""
    access = [said.split(" ", 1)[0] for said in (panic, rmem)]
    paths = ("/proc/sys/vm/panic_on_oom", "/proc/sys/net/ipv4/tcp_rmem")
    values = [f"{path}:{said.split(' ', 1)[1]}" for path, said in zip(paths, (panic, rmem), strict=True) if " " in said]
    return "\n".join([*access, *values]) + f"\n{file_fact(SETTINGS, mode)}"


def file_fact(resource: Sysctl | KernelModules, mode: str = "644") -> str:
    """Return the second half of a look: the file is as desired."""
    match = re.search(r'"\$sum" = ([0-9a-f]{64})', resource.look())
    assert match
    return f"--\nregular file|{mode}|root|0|root|0\n{match[1]}\n"


CHANGES: dict[str, tuple[Resource, str, list[str], list[str]]] = {
    # case: resource, what the node says, the differences, what the script must do
    "service stopped": (
        Service("k3s"),
        unit(ActiveState="inactive", SubState="dead"),
        ["change service k3s: stopped -> running"],
        ["systemctl start -- k3s"],
    ),
    "service failed": (
        Service("k3s"),
        unit(ActiveState="failed", SubState="failed", Result="exit-code"),
        ["change service k3s: failed (exit-code) -> running"],
        ["systemctl reset-failed -- k3s", "systemctl start -- k3s", "journalctl --unit=k3s"],
    ),
    "service in a crash loop": (
        Service("k3s"),
        unit(ActiveState="activating", SubState="auto-restart", Result="signal"),
        ["change service k3s: restarting again and again (signal) -> running"],
        ["systemctl start -- k3s"],
    ),
    "service starting": (
        Service("k3s"),
        unit(ActiveState="activating", SubState="start"),
        ["change service k3s: activating -> running"],
        ["systemctl start -- k3s"],
    ),
    "service masked": (
        Service("ssh"),
        unit(LoadState="masked", ActiveState="inactive", SubState="dead", UnitFileState="masked"),
        ["change service ssh: masked -> running", "change start of service ssh at boot: masked -> enabled"],
        ["systemctl --quiet unmask -- ssh", "systemctl start -- ssh", "enable ssh"],
    ),
    "service not there yet": (
        Service("k3s"),
        unit(LoadState="not-found", ActiveState="inactive", SubState="dead", UnitFileState=""),
        [
            "change service k3s: not installed -> running",
            "change start of service k3s at boot: not installed -> enabled",
        ],
        ["systemctl daemon-reload", "enable k3s", "systemctl start -- k3s"],
    ),
    "service runs, but not after a reboot": (
        Service("chrony"),
        unit(UnitFileState="disabled"),
        ["change start of service chrony at boot: disabled -> enabled"],
        ["enable chrony"],
    ),
    "service unwanted": (
        Service("multipathd", running=False, enabled=False),
        unit(),
        [
            "change service multipathd: active -> stopped",
            "change start of service multipathd at boot: enabled -> disabled",
        ],
        ["systemctl --quiet disable -- multipathd", "systemctl stop -- multipathd"],
    ),
    "package missing": (
        Packages(("ufw", "chrony")),
        "chrony installed\n",
        ["create package ufw"],
        ["apt install ufw &&", "apt update", "DEBIAN_FRONTEND=noninteractive", "dpkg --configure -a"],
    ),
    "package half there": (
        Packages(("ufw", "chrony")),
        "chrony half-configured\nufw config-files\n",
        ["create package ufw", "change package chrony: half-configured -> installed"],
        ["apt install ufw chrony"],
    ),
    "hostname": (
        Hostname("lab-cp-1"),
        "debian|debian\n",
        ["change hostname: debian -> lab-cp-1"],
        ["lab-cp-1 >/etc/.hostname", "hostname lab-cp-1"],
    ),
    "hostname until the next boot": (
        Hostname("lab-cp-1"),
        "lab-cp-1|debian\n",
        ["change hostname: lab-cp-1 (after a reboot: debian) -> lab-cp-1"],
        ["/etc/hostname"],
    ),
    "setting": (
        SETTINGS,
        settings("rw 1"),
        ["change kernel setting vm.panic_on_oom: 1 -> 0"],
        ["printf '%s\\n' 0 >/proc/sys/vm/panic_on_oom"],
    ),
    "setting, and others that cannot be had": (
        SETTINGS,
        settings("ro 1", "rw 1 2 3"),
        ["change kernel setting net.ipv4.tcp_rmem: 1 2 3 -> 4096 87380 6291456"],
        ["printf '%s\\n' '4096 87380 6291456' >/proc/sys/net/ipv4/tcp_rmem"],
    ),
    "setting that a module brings": (
        SETTINGS,
        settings("missing", "rw 1 2 3"),
        ["change kernel setting net.ipv4.tcp_rmem: 1 2 3 -> 4096 87380 6291456"],
        ["if [ -e /proc/sys/vm/panic_on_oom ]; then printf '%s\\n' 0 >/proc/sys/vm/panic_on_oom; fi"],
    ),
    "settings' file": (
        SETTINGS,
        settings("rw 0", mode="600"),
        ["change mode of file /etc/sysctl.d/90.conf: 0600 -> 0644"],
        ["chmod -- 0644"],
    ),
    "module": (
        MODULES,
        f"overlay loaded\nbr_netfilter available\n{file_fact(MODULES)}",
        ["create kernel module br_netfilter"],
        ["modprobe br_netfilter"],
    ),
    "swap": (
        SwapOff(),
        "active /dev/sda2\nlisted UUID=5\n",
        ["delete swap UUID=5 in /etc/fstab", "change swap /dev/sda2: in use -> off"],
        ["swapoff --all", "/etc/fstab"],
    ),
    "disk empty": (
        DISK,
        "DEVICE=/dev/vdb\nPROBE=2\n",
        [
            "create file system ext4 on /dev/disk/by-id/virtio-7f3c",
            "create mount of /dev/disk/by-id/virtio-7f3c at /var/lib/longhorn",
            "change /var/lib/longhorn in /etc/fstab: absent -> UUID=… ext4 defaults,nofail",
        ],
        ["device=/dev/vdb", "mkfs.ext4 -q -L longhorn", "UUID=$uuid /var/lib/longhorn ext4 defaults,nofail 0 2"],
    ),
    "disk unmounted by hand": (
        DISK,
        ON_DISK.replace("MOUNTED=yes\n", ""),
        ["create mount of /dev/disk/by-id/virtio-7f3c at /var/lib/longhorn"],
        ["mount -- /var/lib/longhorn"],
    ),
    "disk with another line in fstab": (
        DISK,
        ON_DISK.replace("FSTAB=UUID=u-1", "FSTAB=/dev/vdb"),
        ["change /var/lib/longhorn in /etc/fstab: /dev/vdb ext4 defaults,nofail -> UUID=u-1 ext4 defaults,nofail"],
        ["mv -fT -- /etc/.fstab.koprogo-tmp /etc/fstab"],
    ),
}

UNCHANGED: dict[str, tuple[Resource, str]] = {
    "service": (Service("ssh"), UP),
    "service that systemd starts by itself": (Service("x"), unit(UnitFileState="static")),
    "service unwanted": (
        Service("x", running=False, enabled=False),
        unit(LoadState="not-found", ActiveState="inactive", SubState="dead", UnitFileState=""),
    ),
    "packages": (Packages(("ufw", "g++")), "g++ installed\nufw installed\n"),
    "hostname": (Hostname("a"), "a|a\n"),
    "settings": (SETTINGS, settings("ro 0")),
    "modules": (MODULES, f"container\noverlay loaded\nbr_netfilter loaded\n{file_fact(MODULES)}"),
    "swap": (SwapOff(), "container\n"),
    "disk": (DISK, ON_DISK + "FILES=yes\n"),
}

NOT_APPLICABLE: dict[str, tuple[Resource, str, str]] = {
    "setting of a container's host": (
        SETTINGS,
        settings("ro 2"),
        "vm.panic_on_oom: read-only here (the host of a container sets it), it is 2",
    ),
    "setting that is not there": (
        SETTINGS,
        settings("missing"),
        "vm.panic_on_oom: this kernel has no such setting (yet)",
    ),
    "module in a container": (
        MODULES,
        f"container\noverlay loaded\nbr_netfilter available\n{file_fact(MODULES)}",
        "br_netfilter: not loaded, and a container has its host's kernel",
    ),
    "module unknown": (
        MODULES,
        f"overlay unknown\nbr_netfilter loaded\n{file_fact(MODULES)}",
        "overlay: not loaded, and this kernel has no such module",
    ),
    "swap of a container's host": (SwapOff(), "container\nactive /dev/sda2\n", "/dev/sda2 belongs to the host"),
}

REFUSED: dict[str, tuple[Resource, Fact, str]] = {
    "no systemd": (Service("ssh"), Fact(1, b""), "systemd does not answer"),
    "disk absent": (DISK, Fact(3, b""), "there is no disk /dev/disk/by-id/virtio-7f3c"),
    "disk with partitions": (DISK, Fact(0, b"DEVICE=/dev/vdb\nPTTYPE=gpt\nPROBE=0\n"), r"partition table \(gpt\)"),
    "disk that cannot be told": (DISK, Fact(0, b"DEVICE=/dev/vdb\nPROBE=8\n"), "cannot be told"),
    "disk of another kind": (DISK, Fact(0, ON_DISK.replace("TYPE=ext4", "TYPE=xfs").encode()), "holds xfs, not ext4"),
    "disk not empty": (DISK, Fact(0, b"DEVICE=/dev/vdb\nPROBE=0\n"), "not empty"),
    "disk elsewhere": (DISK, Fact(0, ON_DISK.encode() + b"ELSEWHERE=/mnt\n"), "mounted at /mnt"),
    "mount point taken": (DISK, Fact(0, b"DEVICE=/dev/vdb\nPROBE=2\nOCCUPIED=8:1\n"), "another disk is mounted"),
    "mount point not empty": (DISK, Fact(0, b"DEVICE=/dev/vdb\nPROBE=2\nFILES=yes\n"), "which the mount would hide"),
}

BAD_INPUT = {
    "package with an option": lambda: Packages(("--purge",)),
    "package with a space": lambda: Packages(("a b",)),
    "setting with a semicolon": lambda: Sysctl({"a.b;reboot": "1"}, "/etc/sysctl.d/x"),
    "setting without a dot": lambda: Sysctl({"panic": "1"}, "/etc/sysctl.d/x"),
    "module with a path": lambda: KernelModules(("../x",)),
    "disk with a space": lambda: Disk("/dev/a b", "/mnt/x"),
    "mount point relative": lambda: Disk("/dev/vdb", "mnt"),
    "label too long": lambda: Disk("/dev/vdb", "/mnt/x", label="thirteen-long"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_differences_are_named_and_mended(case: str) -> None:
    """Each difference is named exactly, and the script has the commands that mend it."""
    resource, said, expected, commands = CHANGES[case]

    decision = resource.decide(Fact(0, said.encode()))

    assert isinstance(decision, Change), decision
    assert expected == [str(difference) for difference in decision.differences]
    assert [] == [command for command in commands if command not in decision.complete]


@pytest.mark.parametrize("case", UNCHANGED)
def test_nothing_to_do(case: str) -> None:
    """What is as desired is left alone."""
    resource, said = UNCHANGED[case]

    assert Unchanged() == resource.decide(Fact(0, said.encode()))


@pytest.mark.parametrize("case", NOT_APPLICABLE)
def test_not_applicable_says_why(case: str) -> None:
    """What cannot be had here is neither done nor a difference: it has a reason."""
    resource, said, reason = NOT_APPLICABLE[case]

    decision = resource.decide(Fact(0, said.encode()))

    assert isinstance(decision, NotApplicable), decision
    assert decision.reason.startswith(reason)


def test_part_that_cannot_be_had_does_not_stop_the_rest() -> None:
    """A read-only setting is reported beside the change of the others, and is not written."""
    resource, said, _, _ = CHANGES["setting, and others that cannot be had"]

    decision = resource.decide(Fact(0, said.encode()))

    assert isinstance(decision, Change)
    assert "vm.panic_on_oom: read-only here" in decision.not_applicable
    assert "panic_on_oom" not in decision.script


@pytest.mark.parametrize("case", REFUSED)
def test_harm_is_refused(case: str) -> None:
    """What could destroy something is left to a person, with the reason."""
    resource, fact, reason = REFUSED[case]

    decision = resource.decide(fact)

    assert isinstance(decision, Refused), decision
    assert re.search(reason, decision.reason)


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_refused_where_it_is_written(case: str) -> None:
    """A value that could not be meant never reaches a node."""
    with pytest.raises(InputError):
        BAD_INPUT[case]()


@pytest.mark.parametrize("resource", [case[0] for case in CHANGES.values()], ids=CHANGES.keys())
def test_script_is_shell(resource: Resource) -> None:
    """Looks and scripts are of the POSIX shell: dash parses them."""
    from local_node import sh

    said = next(case[1] for case in CHANGES.values() if case[0] is resource)
    decision = resource.decide(Fact(0, said.encode()))
    assert isinstance(decision, Change)

    for script in (resource.look(), decision.complete):
        done = sh(f"set -n\n{script}\n".encode())
        assert (0, b"") == (done.returncode, done.stderr)
