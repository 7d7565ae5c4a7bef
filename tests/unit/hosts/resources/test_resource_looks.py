"""Looks that need no special node, run for real on this one."""

from __future__ import annotations

import socket
from pathlib import Path

from local_node import look

from koprogo_fleet.hosts.resources import Disk, Hostname, KernelModules, Packages, SwapOff, Sysctl


def test_hostname() -> None:
    """The kernel's name comes first."""
    assert look(Hostname("x")).text.startswith(f"{socket.gethostname()}|")


def test_packages() -> None:
    """An installed package is told from one that does not exist."""
    text = look(Packages(("base-files", "koprogo-no-such-package"))).text

    assert "base-files installed\n" in text
    assert "no-such-package installed" not in text


def test_settings(tmp_path: Path) -> None:
    """A value comes back as /proc has it; a setting that the kernel lacks is missing."""
    sysctl = Sysctl({"kernel.ostype": "x", "kernel.koprogo_none": "1", "net.ipv4.tcp_rmem": "1"}, f"{tmp_path}/file")

    first, second, third, *values = look(sysctl).text.split("--\n")[0].splitlines()

    assert {"ro", "rw"} >= {first, third}
    assert "missing" == second
    assert "/proc/sys/kernel/ostype:Linux" == values[0]
    assert 3 == len(values[1].split(":")[1].split())


def test_modules(tmp_path: Path) -> None:
    """A module that no kernel has is unknown."""
    assert "koprogo_none unknown\n" in look(KernelModules(("koprogo_none",), f"{tmp_path}/file")).text


def test_swap_and_disk_looks_end_well() -> None:
    """Looking at swap works everywhere, and a disk that is not there is told by the exit status."""
    assert 0 == look(SwapOff()).exit_status
    assert 3 == look(Disk("/dev/disk/by-id/koprogo-none", "/mnt/x")).exit_status
