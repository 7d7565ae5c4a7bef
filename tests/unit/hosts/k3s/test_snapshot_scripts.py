"""The scripts that handle snapshots, run by a real shell on files of the test's own."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s import snapshot_scripts as scripts
from koprogo_fleet.hosts.k3s.bucket import Bucket, Keys
from koprogo_fleet.hosts.k3s.snapshot_files import (
    Manifest,
    ReadBack,
    Snapshot,
    created_of,
    parse_look,
    parse_read_back,
)

NAME = "x-koprogo-cp-1-1764000000"
CONTENT = b"e" * 1024
WHOLE = CONTENT + hashlib.sha256(CONTENT).digest()
BUCKET = Bucket("s3.sbg.example", "sbg", "koprogo-backups", "etcd")
KEYS = Keys("it's a key", Secret("'$(id)`half"))


def on(data: Path, script: str | Secret) -> subprocess.CompletedProcess[str]:
    """Run a script with K3s' data directory elsewhere."""
    text = script.reveal() if isinstance(script, Secret) else script
    return subprocess.run(
        ["sh", "-s"],
        input=text.replace(paths.DATA, str(data)),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory with one whole snapshot."""
    (tmp_path / "server/db/snapshots").mkdir(parents=True)
    (tmp_path / "server/db/snapshots" / NAME).write_bytes(WHOLE)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "inner"),
    [
        (WHOLE, "whole"),
        (WHOLE[:-512], "broken"),
        (WHOLE[:600], "broken"),
        (b"", "broken"),
        (CONTENT + b"\0" * 32, "broken"),
        (b"PK\3\4 and so on", "compressed"),
    ],
)
def test_what_is_read_back_is_what_is_on_the_disk(data: Path, content: bytes, inner: str) -> None:
    """Size and sum are the file's, and etcd's own sum at its end is compared with it."""
    (data / "server/db/snapshots" / NAME).write_bytes(content)
    done = on(data, scripts.check_script(NAME))

    assert parse_read_back(done.stdout) == ReadBack(len(content), hashlib.sha256(content).hexdigest(), inner)


def test_snapshots_and_manifests_are_found(data: Path) -> None:
    """A manifest that was kept is found beside its snapshot; a directory without anything has nothing."""
    manifest = Manifest(NAME, "koprogo-cp-1", created_of(NAME), len(WHOLE), "a" * 64, 3, 1200)
    assert on(data, scripts.keep_script(manifest)).returncode == 0

    found = on(data, scripts.look_script())

    assert parse_look("koprogo-cp-1", found.stdout) == [
        Snapshot(NAME, created_of(NAME), len(WHOLE), ("koprogo-cp-1",), manifest)
    ]
    assert parse_look("koprogo-cp-1", on(data / "nowhere", scripts.look_script()).stdout) == []


def test_a_copy_for_a_restore_is_there_whole_or_not_at_all(data: Path) -> None:
    """What is copied is what is told of it; what is not there leaves nothing."""
    target = data / "server/db/copy"
    done = on(data, scripts.fetch_script(str(target), None, NAME))
    missing = on(data, scripts.fetch_script(str(data / "other"), None, "nothing"))

    assert parse_read_back(done.stdout).sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert missing.returncode != 0
    assert not (data / "other").exists()


@pytest.mark.parametrize(
    "script",
    [
        scripts.save_script("x", "koprogo-cp-1", BUCKET, KEYS),
        scripts.save_script("x", "koprogo-cp-1", None, None),
        scripts.read_back_script(Secret("https://s3.sbg.example/?a=b")),
        scripts.get_script(Secret("https://s3.sbg.example/?a=b")),
        scripts.put_manifest_script(NAME, Secret("https://s3.sbg.example/?a=b")),
        scripts.delete_script(Secret("https://s3.sbg.example/?a=b")),
        scripts.remove_script([NAME], BUCKET, KEYS),
    ],
)
def test_no_secret_is_an_argument(script: Secret) -> None:
    """Each script is one for sh; keys are exported by a built-in, and URLs are read by curl from its standard input."""
    text = script.reveal()
    checked = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, timeout=30, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")
    for line in text.splitlines():
        if line.startswith(("/usr/local/bin/k3s", "curl")):
            assert "half" not in line
            assert "https://s3" not in line
