"""Files, directories and paths that must not be, on the real file system."""

from __future__ import annotations

import stat
from functools import partial
from pathlib import Path

import pytest
from local_node import ME, MY_GROUP, decide, look, mend

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.resource import Change, Refused, Unchanged
from koprogo_fleet.hosts.resources import Absent, Directory, File

MyFile = partial(File, owner=ME, group=MY_GROUP)
MyDirectory = partial(Directory, owner=ME, group=MY_GROUP)

CONTENTS = {
    "empty": "",
    "quotes": "' \" ` \\ $(id) $HOME ${x} %s %% {{x}} #\n",
    "no newline": "last line",
    "newlines": "\n\n\r\n\n",
    "leading dash": "-n --help\n",
    "leading plus": "+x",
    "4-byte": "\U0001f600é\n",
    "controls": "\x00\x01\x1b[31m\x7f",
    "looks like base64": "aGVsbG8=",
    "regex": ".*[a-z]+$^",
    "end of a here-document": "EOF\n}\nmain\nexit 1\n",
    "1 MiB and one": "x" * (1 << 20) + "y",
}


def differences(resource: File | Directory | Absent) -> list[str]:
    """Return what differs, as text."""
    decision = decide(resource)
    assert isinstance(decision, Change), decision
    return [str(difference) for difference in decision.differences]


@pytest.mark.parametrize("secret", [False, True], ids=["text", "secret"])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_any_content_arrives(tmp_path: Path, content: str, *, secret: bool) -> None:
    """Any text is written byte for byte, and is as desired from then on."""
    path = tmp_path / "file"
    file = MyFile(str(path), Secret(content) if secret else content, mode="0600")

    assert 0 == mend(file).exit_status

    assert content.encode() == path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert Unchanged() == decide(file)
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["-rf", "a b", "it's", '"', "$(touch pwned)", "*", "é\U0001f600", "a;b", "~", "%s"])
def test_any_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    """Whatever a path holds, it is that file which is written, and nothing else."""
    path = tmp_path / "new directory" / name

    assert 0 == mend(MyFile(str(path), "x")).exit_status

    assert [path] == list(path.parent.iterdir())
    assert [path.parent] == list(tmp_path.iterdir())
    assert 0o755 == stat.S_IMODE(path.parent.stat().st_mode)


def test_changed_content_is_shown(tmp_path: Path) -> None:
    """A changed line is shown as a unified diff from the file's to ours."""
    path = tmp_path / "file"
    path.write_text("same\nold\n", encoding="ascii")

    decision = decide(MyFile(str(path), "same\nnew\n"))

    assert isinstance(decision, Change)
    assert (
        f"--- {path} (now)\n+++ {path} (desired)\n@@ -1,2 +1,2 @@\n same\n-old\n+new" == decision.differences[0].detail
    )


def test_secret_is_not_shown_nor_fetched(tmp_path: Path) -> None:
    """Neither the old nor the new content of a secret leaves the node or shows anywhere."""
    path = tmp_path / "file"
    path.write_text("old-canary", encoding="ascii")
    file = MyFile(str(path), Secret("new-canary"))

    assert b"canary" not in look(file).stdout
    assert "canary" not in repr(decide(file)) + repr(file) + file.look()
    assert f"change content of file {path}" in differences(file)


def test_mode_and_owner_alone(tmp_path: Path) -> None:
    """Only the permissions differ: only they are named and changed; the file itself is not replaced."""
    path = tmp_path / "file"
    path.write_text("x", encoding="ascii")
    path.chmod(0o666)
    number = path.stat().st_ino
    file = MyFile(str(path), "x", mode="0640")

    assert [f"change mode of file {path}: 0666 -> 0640"] == differences(file)
    assert 0 == mend(file).exit_status
    assert number == path.stat().st_ino
    assert 0o640 == stat.S_IMODE(path.stat().st_mode)


def test_other_owner_is_named(tmp_path: Path) -> None:
    """Another owner is named with both names."""
    path = tmp_path / "file"
    path.write_text("x", encoding="ascii")
    path.chmod(0o644)

    assert [f"change owner of file {path}: {ME}:{MY_GROUP} -> games:games"] == differences(
        File(str(path), "x", owner="games", group="games")
    )


def test_unchanged_file_is_not_notified(tmp_path: Path) -> None:
    """A change names its handlers; without a change there is nothing to notify."""
    file = MyFile(str(tmp_path / "file"), "x", notify=("reload",))

    decision = decide(file)

    assert isinstance(decision, Change)
    assert ("reload",) == decision.notify
    mend(file)
    assert Unchanged() == decide(file)


def test_link_is_replaced_not_followed(tmp_path: Path) -> None:
    """A symbolic link in the file's place is replaced; what it led to stays as it was."""
    target, path = tmp_path / "target", tmp_path / "link"
    target.write_text("theirs", encoding="ascii")
    path.symlink_to(target)
    file = MyFile(str(path), "ours")

    assert [f"change file {path}: a symbolic link -> a file"] == differences(file)
    mend(file)
    assert not path.is_symlink()
    assert "theirs" == target.read_text(encoding="ascii")


def test_leftover_of_a_killed_run_does_not_matter(tmp_path: Path) -> None:
    """A temporary file, or a link planted in its place, is removed and never written through."""
    target = tmp_path / "target"
    target.write_text("theirs", encoding="ascii")
    (tmp_path / ".file.koprogo-tmp").symlink_to(target)

    assert 0 == mend(MyFile(str(tmp_path / "file"), "ours")).exit_status

    assert "theirs" == target.read_text(encoding="ascii")
    assert ["file", "target"] == sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize(("verdict", "content"), [("true", "new"), ("false", "old")])
def test_validation_decides(tmp_path: Path, verdict: str, content: str) -> None:
    """The command sees the new content, and only its consent lets it in."""
    path = tmp_path / "file"
    path.write_text("old", encoding="ascii")

    mend(MyFile(str(path), "new", validate=f"cp %s {tmp_path}/seen; {verdict}"))

    assert content == path.read_text(encoding="ascii")
    assert "new" == (tmp_path / "seen").read_text(encoding="ascii")


def test_directory_in_the_way(tmp_path: Path) -> None:
    """A directory is not replaced by a file, nor a file by a directory."""
    (tmp_path / "file").touch()

    assert isinstance(decide(MyFile(str(tmp_path), "x")), Refused)
    assert isinstance(decide(MyDirectory(str(tmp_path / "file"))), Refused)


def test_binary_and_large_old_contents(tmp_path: Path) -> None:
    """An old content that is not text, or is large, is no obstacle; the large one is not shown."""
    path = tmp_path / "file"
    file = MyFile(str(path), "x")
    for old in (b"\xff\x00\n|", b"y" * 3_000_000):
        path.write_bytes(old)
        assert len(look(file).stdout) < 300_000
        decision = decide(file)
        assert isinstance(decision, Change)
        assert (len(old) < 1000) == bool(decision.differences[0].detail)


def test_directory(tmp_path: Path) -> None:
    """A directory is made with its mode, and set right later."""
    path = tmp_path / "deep" / "-directory"
    directory = MyDirectory(str(path), "0710")

    assert [f"create directory {path}"] == differences(directory)
    assert 0 == mend(directory).exit_status
    assert 0o710 == stat.S_IMODE(path.stat().st_mode)
    assert 0o755 == stat.S_IMODE(path.parent.stat().st_mode)
    assert Unchanged() == decide(directory)

    path.chmod(0o777)
    assert [f"change mode of directory {path}: 0777 -> 0710"] == differences(directory)
    assert 0 == mend(directory).exit_status
    assert Unchanged() == decide(directory)


def test_absent(tmp_path: Path) -> None:
    """A file, a link (not what it leads to) and a directory with all that it holds are removed."""
    kept = tmp_path / "kept"
    kept.touch()
    (tmp_path / "-file").touch()
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "directory" / "deep").mkdir(parents=True)

    for name, kind in {"-file": "regular empty file", "link": "symbolic link", "directory": "directory"}.items():
        path = Absent(f"{tmp_path}/{name}")
        decision = decide(path)
        assert isinstance(decision, Change)
        assert f"a {kind}" == decision.differences[0].old
        assert 0 == mend(path).exit_status
        assert Unchanged() == decide(path)

    assert [kept] == list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["relative", "", "/", "/a/../b", "/a//b", "/a/", "/a\nb", "/a\0b"])
def test_bad_paths(path: str) -> None:
    """A path that is not absolute and plain is refused where it is written."""
    for kind in (partial(File, content=""), Directory, Absent):
        with pytest.raises(InputError):
            kind(path)


@pytest.mark.parametrize("mode", ["644 ", "8", "0888", "rw", "u+x", "00644", ""])
def test_bad_modes(mode: str) -> None:
    """A mode that is not three or four octal digits is refused where it is written."""
    with pytest.raises(InputError):
        File("/x", "", mode=mode)


def test_top_directories_are_not_removed() -> None:
    """No mistake removes /etc."""
    with pytest.raises(InputError):
        Absent("/etc")
