"""Volumes' loop devices, on this machine's kernel."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import WaitTimeout
from koprogo_fleet.lab import disks


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """Return a volume's file whose device was detached while its file system was mounted."""
    volume, place = tmp_path / "volume.img", tmp_path / "mount"
    place.mkdir()
    disks.ensure_file(volume, 1)
    device = disks.ensure_loop(volume)
    subprocess.run(["mkfs.ext4", "-q", device.path], check=True)
    subprocess.run(["mount", device.path, place], check=True)
    disks.remove_loop(volume)
    yield volume
    if place.is_mount():
        subprocess.run(["umount", place], check=True)
    disks.remove_loop(volume)


def test_a_device_that_leaves_is_not_used_again(mounted: Path) -> None:
    """Who attaches the volume again gets a device that stays, after the one that the last mount held is gone."""
    threading.Timer(0.5, subprocess.run, [["umount", mounted.parent / "mount"]]).start()

    device = disks.ensure_loop(mounted)

    assert not device.leaving
    assert disks.find_loop(mounted) == device


def test_a_mount_that_stays_ends_the_wait(mounted: Path) -> None:
    """A device that does not leave is an error that says so."""
    with pytest.raises(WaitTimeout, match="is still mounted"):
        disks.ensure_loop(mounted, seconds=0.2)
