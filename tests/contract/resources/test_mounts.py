"""Mounts by the real kernel, in a mount namespace of the test's own."""

from __future__ import annotations

from pathlib import Path

from private_node import PrivateNode

from koprogo_fleet.hosts.resource import Refused
from koprogo_fleet.hosts.resources import Disk, Mount

SCRATCH = Mount("scratch", "/srv/scratch", "tmpfs", "size=1m,nosuid,mode=0700")


def test_mounted_and_listed_then_nothing_then_gone(node: PrivateNode) -> None:
    """It is mounted now and listed for later, other lines stay, the second run is quiet, and it can go again."""
    node.run("echo 'UUID=1-2 /data ext4 defaults 0 2 # keep' >/etc/fstab; chmod 0640 /etc/fstab")

    assert [
        "change /srv/scratch in /etc/fstab: absent -> scratch tmpfs size=1m,nosuid,mode=0700",
        "create mount of scratch at /srv/scratch",
    ] == node.converge(SCRATCH)
    assert [] == node.converge(SCRATCH)
    assert "tmpfs\n" == node.run("findmnt -no FSTYPE /srv/scratch")
    assert "UUID=1-2 /data ext4 defaults 0 2 # keep\nscratch /srv/scratch tmpfs size=1m,nosuid,mode=0700 0 0\n" == (
        node.run("cat /etc/fstab")
    )
    assert "640\n" == node.run("stat -c %a /etc/fstab")

    gone = Mount("scratch", "/srv/scratch", "tmpfs", absent=True)
    assert ["delete /srv/scratch in /etc/fstab", "delete mount at /srv/scratch"] == node.converge(gone)
    assert [] == node.converge(gone)
    assert "UUID=1-2 /data ext4 defaults 0 2 # keep\n" == node.run("cat /etc/fstab")


def test_unmounted_or_remounted_by_hand(node: PrivateNode) -> None:
    """What a person took away comes back, and access that a person widened or closed is set again."""
    node.run(": >/etc/fstab")
    node.converge(SCRATCH)
    node.run("umount /srv/scratch")
    assert ["create mount of scratch at /srv/scratch"] == node.converge(SCRATCH)

    node.run("touch /srv/scratch/file; mount -o remount,suid,ro /srv/scratch")
    (difference,) = node.converge(SCRATCH)

    assert difference.startswith("change options of mount at /srv/scratch: ro")
    assert [] == node.converge(SCRATCH)
    assert "file\n" == node.run("ls /srv/scratch")


def test_other_options(node: PrivateNode) -> None:
    """Changed options are set on the mount that is there: what is in it stays."""
    node.run(": >/etc/fstab")
    node.converge(SCRATCH)
    node.run("touch /srv/scratch/file")

    node.converge(Mount("scratch", "/srv/scratch", "tmpfs", "size=2m,noexec"))

    assert "noexec\nfile\n" == node.run("findmnt -no OPTIONS /srv/scratch | grep -o noexec; ls /srv/scratch")


def test_bound_directory(node: PrivateNode) -> None:
    """A directory is bound to another place, found there again, and not taken for another one."""
    node.run(": >/etc/fstab; mkdir /from /other; touch /from/file")
    bound = Mount("/from", "/to", "none", "bind")

    assert "create mount of /from at /to" in node.converge(bound)
    assert [] == node.converge(bound)
    assert "file\n" == node.run("ls /to")
    assert isinstance(node.decide(Mount("/other", "/to", "none", "bind")), Refused)


def test_disk_by_its_uuid(node: PrivateNode, tmp_path: Path) -> None:
    """A file system on a block device is mounted by its UUID, whatever the device is called."""
    image = tmp_path / "shared" / "disk"
    node.run(f"truncate -s 8M {image}; mkfs.ext4 -q -U 0b2e6a3c-1111-4222-8333-444455556666 {image}; : >/etc/fstab")
    device = node.run(f"losetup --find --show {image}").strip()
    try:
        disk = Mount("UUID=0b2e6a3c-1111-4222-8333-444455556666", "/srv/disk", "ext4", "defaults,nofail")

        assert "create mount of UUID=0b2e6a3c-1111-4222-8333-444455556666 at /srv/disk" in node.converge(disk)
        assert [] == node.converge(disk)
        assert f"{device}\n" == node.run("findmnt -no SOURCE /srv/disk")
    finally:
        node.run(f"umount /srv/disk; losetup --detach {device}")


def test_what_is_there_is_neither_hidden_nor_replaced(node: PrivateNode) -> None:
    """A directory with files and a mount of something else are left to a person."""
    node.run(": >/etc/fstab; mkdir -p /srv/scratch; touch /srv/scratch/.file")
    hidden = node.decide(SCRATCH)
    node.run("mount -t tmpfs another /srv/scratch")
    replaced = node.decide(SCRATCH)

    assert [
        "/srv/scratch has files, which the mount would hide",
        "another (tmpfs) is mounted at /srv/scratch, not scratch",
    ] == [decision.reason for decision in (hidden, replaced) if isinstance(decision, Refused)]


def test_disk_is_formatted_once_and_listed_by_uuid(node: PrivateNode, tmp_path: Path) -> None:
    """An empty disk is formatted and mounted by the UUID it got; other lines stay, and the second run is quiet."""
    image = tmp_path / "shared" / "disk"
    node.run(f"truncate -s 8M {image}; echo '# keep' >/etc/fstab")
    device = node.run(f"losetup --find --show {image}").strip()
    try:
        disk = Disk(device, "/srv/disk", label="data")

        assert f"create file system ext4 on {device}" in node.converge(disk)
        assert [] == node.converge(disk)
        uuid = node.run("findmnt -no UUID /srv/disk").strip()
        assert f"# keep\nUUID={uuid} /srv/disk ext4 defaults,nofail 0 2\n" == node.run("cat /etc/fstab")
    finally:
        node.run(f"umount /srv/disk; losetup --detach {device}")
