"""Files that are whole, or untouched."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.files import write_atomically


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_once(tmp_path: Path) -> None:
    """The first write changes the file, the same again does not touch it."""
    path = tmp_path / "new" / "file"

    assert write_atomically(path, "häl\n") is True
    inode = path.stat().st_ino
    assert write_atomically(path, "häl\n".encode()) is False
    assert ("häl\n".encode(), inode, 0o644) == (path.read_bytes(), path.stat().st_ino, _mode(path))


@pytest.mark.parametrize(("data", "mode"), [("other", 0o600), ("same", 0o640)])
def test_content_and_mode_both_count(tmp_path: Path, data: str, mode: int) -> None:
    """A file with other content or other permissions is replaced."""
    path = tmp_path / "file"
    write_atomically(path, "same", mode=0o600)

    assert write_atomically(path, data, mode=mode) is True
    assert (data, mode) == (path.read_text(), _mode(path))


def test_the_umask_does_not_matter(tmp_path: Path) -> None:
    """The mode is the one that was asked for."""
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "file", "x", mode=0o644)
    finally:
        os.umask(before)

    assert _mode(tmp_path / "file") == 0o644


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    """A symbolic link in the place of the file cannot make us write elsewhere."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "file").symlink_to(victim)
    write_atomically(tmp_path / "file", "secret", mode=0o600)

    assert (victim.read_text(), (tmp_path / "file").is_symlink()) == ("precious", False)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """When the new content cannot be written, the old file and nothing else is there, and the error says so."""
    path = tmp_path / "file"
    path.write_text("old")
    program = (
        "import resource, signal, sys; from pathlib import Path; from koprogo_fleet.core.files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_atomically(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except Exception as error: print(type(error).__name__, error.seen)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=30, check=True
    )

    assert f"MissingRequirement cannot write {path}: File too large\n" == done.stdout
    assert (path.read_text(), [entry.name for entry in tmp_path.iterdir()]) == ("old", ["file"])


def test_a_directory_in_the_way_is_explained(tmp_path: Path) -> None:
    """A path that cannot be a file gives an error with a next step."""
    (tmp_path / "file").mkdir()

    with pytest.raises(MissingRequirement, match="cannot write") as caught:
        write_atomically(tmp_path / "file", "x")

    assert str(tmp_path) in str(caught.value.next_step)


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    """While one thread writes, another reads either the old content or the new, whole."""
    path = tmp_path / "file"
    contents = {size: bytes([size]) * 50_000 * size for size in (1, 2)}
    write_atomically(path, contents[1])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for content in contents.values():
                write_atomically(path, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {path.read_bytes() for _ in range(200)}
    finally:
        stop.set()
        writer.join()

    assert seen <= set(contents.values())
