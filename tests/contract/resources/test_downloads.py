"""Archives and binaries, fetched by the real curl from a server on the loopback."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from private_node import PrivateNode

from koprogo_fleet.hosts.resource import Refused, Unchanged
from koprogo_fleet.hosts.resources import Archive, Binary

OLD, NEW = b"#!/bin/sh\necho old\n", b"#!/bin/sh\necho new\n"
Website = tuple[Path, str]


def sha256(data: bytes) -> str:
    """Return the checksum in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """Return an archive with these files."""
    data = BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid = len(content), 0o755, 4242
            archive.addfile(member, BytesIO(content))
    return data.getvalue()


def test_binary(node: PrivateNode, website: Website) -> None:
    """It is fetched, runs, is not fetched again, and is replaced by one with another checksum."""
    folder, address = website
    (folder / "old").write_bytes(OLD)
    (folder / "new").write_bytes(NEW)
    old = Binary(f"{address}/old", sha256(OLD), "/opt/new dir/it's")
    new = Binary(f"{address}/new", sha256(NEW), "/opt/new dir/it's", "0750", group="games")

    assert [f"create binary /opt/new dir/it's: sha256 {sha256(OLD)[:12]}…"] == node.converge(old)
    (folder / "old").unlink()
    assert [] == node.converge(old)
    node.converge(new)

    assert "new\n" == node.run('"/opt/new dir/it\'s"')
    assert "root games 750\n" == node.run("cd '/opt/new dir'; stat -c '%U %G %a' *; ls -A | grep koprogo || :")
    assert [] == node.converge(new)


def test_binary_that_was_changed_by_hand(node: PrivateNode, tmp_path: Path) -> None:
    """Other content and other permissions are named and mended, from a file on the node."""
    source = tmp_path / "shared" / "-tool"
    source.write_bytes(OLD)
    binary = Binary(str(source), sha256(OLD), "/opt/tool")
    node.converge(binary)

    node.run("chmod 0777 /opt/tool")
    assert ["change mode of binary /opt/tool: 0777 -> 0755"] == node.converge(binary)
    node.run("echo x >>/opt/tool")
    (difference,) = node.converge(binary)
    assert difference.endswith(f" -> sha256 {sha256(OLD)[:12]}…")
    assert [] == node.converge(binary)


@pytest.mark.parametrize("kind", ["binary", "archive"])
def test_wrong_checksum_is_never_visible(node: PrivateNode, website: Website, kind: str) -> None:
    """What is not what was asked for is thrown away: the old one stays, and both checksums are named."""
    folder, address = website
    (folder / "file").write_bytes(b"evil")
    node.run("mkdir -p /opt/there; echo precious >/opt/there/tool; echo x >/opt/there/.koprogo-sha256")
    resource = (
        Binary(f"{address}/file", sha256(NEW), "/opt/there/tool")
        if kind == "binary"
        else Archive(f"{address}/file", sha256(NEW), "/opt/there")
    )

    applied = node.mend(resource)

    assert f"the sha256 of {address}/file is {sha256(b'evil')}, not {sha256(NEW)}\n" == applied.stderr.decode()
    assert "precious\n" == node.run("cat /opt/there/tool")
    assert ["there"] == node.run("ls -A /opt | grep -E 'there|koprogo'").split()


def test_what_the_server_does_not_have(node: PrivateNode, website: Website) -> None:
    """The words of curl say what is wrong, and nothing is left behind."""
    applied = node.mend(Binary(f"{website[1]}/none", sha256(NEW), "/srv/tool"))

    assert b"404" in applied.stderr
    assert "" == node.run("ls -A /srv")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_archive(node: PrivateNode, website: Website, mode: str) -> None:
    """It is unpacked without its leading directory, is root's, and is as desired from then on."""
    folder, address = website
    data = tar({"tool-1.0/bin/tool": OLD, "tool-1.0/a b": b""}, mode)
    (folder / "tool.tar").write_bytes(data)
    archive = Archive(f"{address}/tool.tar", sha256(data), "/opt/it's a tool", strip=1)

    assert [f"create archive at /opt/it's a tool: sha256 {sha256(data)[:12]}…"] == node.converge(archive)
    (folder / "tool.tar").unlink()

    assert [] == node.converge(archive)
    assert "old\n" == node.run('"/opt/it\'s a tool/bin/tool"')
    assert "root\n" == node.run('stat -c %U "/opt/it\'s a tool/bin/tool"')


def test_archive_of_another_version_leaves_nothing_of_the_old_one(node: PrivateNode, tmp_path: Path) -> None:
    """Another archive takes the place of the whole directory."""
    old, new = tar({"bin/tool": OLD, "only-in-old": b""}), tar({"bin/tool": NEW})
    for name, data in (("old", old), ("new", new)):
        (tmp_path / "shared" / name).write_bytes(data)
    node.converge(Archive(f"{tmp_path}/shared/old", sha256(old), "/opt/tool"))

    changed = node.converge(Archive(f"{tmp_path}/shared/new", sha256(new), "/opt/tool"))

    assert [f"change archive at /opt/tool: sha256 {sha256(old)[:12]}… -> sha256 {sha256(new)[:12]}…"] == changed
    assert "new\n" == node.run("/opt/tool/bin/tool; ls /opt/tool | grep only || :; ls -A /opt | grep koprogo || :")


def test_run_that_was_killed_in_the_middle(node: PrivateNode, tmp_path: Path) -> None:
    """What a killed run left beside the directory does not stop the next one, and is cleaned up."""
    data = tar({"tool": OLD})
    (tmp_path / "shared" / "tar").write_bytes(data)
    node.run("mkdir -p /opt/.tool.koprogo-new/x /opt/.tool.koprogo-old/x; touch /opt/.tool.koprogo-tmp")

    node.converge(Archive(f"{tmp_path}/shared/tar", sha256(data), "/opt/tool"))

    assert "tool\n" == node.run("ls -A /opt | grep tool")


def test_directory_that_came_from_elsewhere(node: PrivateNode) -> None:
    """Files that no archive of ours brought are not touched; an empty directory is filled."""
    node.run("mkdir -p /opt/tool /opt/empty; touch /opt/tool/.hidden; echo >/opt/file")

    decisions = {
        path: node.decide(Archive("/x", sha256(b""), path)) for path in ("/opt/tool", "/opt/file", "/opt/empty")
    }

    assert ["/opt/tool", "/opt/file"] == [path for path, said in decisions.items() if isinstance(said, Refused)]
    assert Unchanged() not in decisions.values()


def test_archive_that_is_none(node: PrivateNode, tmp_path: Path) -> None:
    """The right checksum of something that is no archive: tar says so, and nothing is visible."""
    (tmp_path / "shared" / "x").write_bytes(b"no archive")

    applied = node.mend(Archive(f"{tmp_path}/shared/x", sha256(b"no archive"), "/srv/tool"))

    assert b"does not look like a tar archive" in applied.stderr
    assert "" == node.run("ls -A /srv")


def test_curl_is_there() -> None:
    """The tests above mean something: this machine has curl."""
    assert 0 == subprocess.run(["curl", "--version"], capture_output=True, check=False, timeout=60).returncode
