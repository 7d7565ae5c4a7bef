"""Files and device nodes of volumes."""

from __future__ import annotations

from pathlib import Path

from koprogo_fleet.lab import disks


def test_device_nodes_are_virtios() -> None:
    """At boot a volume gets its node, and a link with the first 20 characters of its id."""
    volume = "0e3a0b2e-5d2e-4c3e-9a43-0b6f3f9f5c11"
    loops = {volume: disks.LoopDevice(Path("/dev/loop7"), "7:7", leaving=False)}

    assert disks.device_nodes({"vdb": volume}, loops) == (
        "b /dev/vdb 0660 root disk - 7:7\nL /dev/disk/by-id/virtio-0e3a0b2e-5d2e-4c3e-9 - - - - ../../vdb\n"
    )


def test_a_volumes_file_is_sparse_and_never_shrinks(tmp_path: Path) -> None:
    """A volume occupies nothing before it is written to, grows on demand, and is never cut."""
    file = tmp_path / "volumes" / "a.img"
    disks.ensure_file(file, 2)
    disks.ensure_file(file, 1)

    assert file.stat().st_size == 2 * disks.GIB
    assert file.stat().st_blocks == 0
    assert file.stat().st_mode & 0o777 == 0o600
