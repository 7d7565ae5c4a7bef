"""The release's files come checked, once; what is altered never appears."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import InputError, MissingRequirement
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.k3s_section import K3s
from koprogo_fleet.workflows.artifacts import IMAGES, SUMS, image_names, k3s_binary, published, release_images

VERSION = "v1.33.4+k3s1"
BINARY, ARCHIVE = b"a binary", b"some images"


class Quiet(SimpleHTTPRequestHandler):
    """A release's files."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def sum_of(content: bytes) -> str:
    """Return a SHA-256."""
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a release, as the project publishes it."""
    monkeypatch.setenv("KOPROGO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("KOPROGO_K3S_BINARY", raising=False)
    folder = tmp_path / "releases" / VERSION
    folder.mkdir(parents=True)
    (folder / "k3s").write_bytes(BINARY)
    (folder / IMAGES).write_bytes(ARCHIVE)
    (folder / SUMS).write_text(f"{sum_of(ARCHIVE)}  {IMAGES}\n{sum_of(BINARY)}  k3s\n")
    return folder


@pytest.fixture
def wanted(release: Path) -> Iterator[K3s]:
    """Yield the section k3s of a fleet that takes its release from this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(release.parent))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield K3s(version=VERSION, releases=f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()


def test_binary_and_images_are_downloaded_once(release: Path, wanted: K3s) -> None:
    """Both are as published, the binary can be run, and the cache answers when the release is gone."""
    first = k3s_binary(wanted, ignore)
    (images,) = release_images(wanted, first, ignore)
    for file in release.iterdir():
        file.unlink()
    again = k3s_binary(wanted, ignore)

    assert (BINARY, ARCHIVE, 0o755) == (first.path.read_bytes(), images.read_bytes(), first.path.stat().st_mode & 0o777)
    assert (first.path, first.sha256) == (again.path, again.sha256)
    assert (images,) == release_images(wanted, again, ignore)
    assert {"k3s", IMAGES} == {file.name for file in first.path.parent.iterdir()}


def test_what_was_altered_never_appears(release: Path, wanted: K3s) -> None:
    """The message has both checksums, and nothing is left in the cache."""
    binary = k3s_binary(wanted, ignore)
    (release / IMAGES).write_bytes(b"other images")

    with pytest.raises(InputError, match=f"{sum_of(b'other images')}, the release says {sum_of(ARCHIVE)}"):
        release_images(wanted, binary, ignore)
    assert ["k3s"] == [file.name for file in binary.path.parent.iterdir()]


def test_images_that_cannot_be_had_are_told(release: Path, wanted: K3s) -> None:
    """Without the archive nodes would need a registry: that is not decided silently."""
    binary = k3s_binary(wanted, ignore)
    (release / IMAGES).unlink()

    with pytest.raises(MissingRequirement, match="images of K3s"):
        release_images(wanted, binary, ignore)


def test_a_named_binary_has_the_images_beside_it(release: Path, wanted: K3s, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive beside it goes with it; without one there is none."""
    monkeypatch.setenv("KOPROGO_K3S_BINARY", str(release / "k3s"))

    assert (release / IMAGES,) == release_images(wanted, k3s_binary(wanted, ignore), ignore)
    (release / IMAGES).unlink()
    assert () == release_images(wanted, k3s_binary(wanted, ignore), ignore)


def test_nodes_are_told_which_checksum_to_want(release: Path, wanted: K3s) -> None:
    """It is the published one, or fleet.yaml's; the plus of the version is escaped in the URL."""
    url = f"{wanted.releases}/v1.33.4%2Bk3s1/k3s"

    assert (url, sum_of(BINARY)) == published(wanted)
    (release / SUMS).unlink()
    assert (url, "0" * 64) == published(wanted.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(MissingRequirement, match="checksum"):
        published(wanted)


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("manifest.json", [{"RepoTags": ["registry.example/a:1"]}, {"RepoTags": None}]),
        ("index.json", {"manifests": [{"annotations": {"io.containerd.image.name": "registry.example/a:1"}}, {}]}),
    ],
)
def test_an_archive_tells_its_images(tmp_path: Path, name: str, document: object) -> None:
    """Archives of Docker and of containerd are read; one that is compressed otherwise tells nothing."""
    content = json.dumps(document).encode()
    with tarfile.open(tmp_path / "images.tar", "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    (tmp_path / "images.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd")

    assert {"registry.example/a:1"} == image_names(tmp_path / "images.tar")
    assert set() == image_names(tmp_path / "images.tar.zst")
