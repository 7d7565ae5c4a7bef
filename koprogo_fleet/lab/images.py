"""Container images without a registry: docker-archive tars around Debian's static busybox."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.lab.buildroom import run_script
from koprogo_fleet.lab.image import ensure_image
from koprogo_fleet.lab.locks import exclusive
from koprogo_fleet.lab.standin.node.containerd import SANDBOX_IMAGE

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
WEB_IMAGE = "docker.io/library/koprogo-api:lab"
WEB_USER = "10001:10001"
WEB_PORT = 8080
FETCH_SECONDS = 180

FETCH_BUSYBOX = """\
set -eu
cd /work
apt-get -qq update
apt-get -qq download busybox-static
dpkg-deb --fsys-tarfile busybox-static_*.deb | tar -x ./bin/busybox
"""

HEALTH = json.dumps({"status": "healthy", "service": "koprogo-api", "version": "lab"}) + "\n"
WEB_FILES = {
    "srv/index.html": "<!doctype html><title>koprogo-api</title><h1>koprogo-api (lab)</h1>\n",
    "srv/health": HEALTH,
    "srv/api/v1/health": HEALTH,
    "etc/httpd.conf": "H:/srv\n",
    "etc/passwd": "app:x:10001:10001::/:/bin/false\n",
}


@dataclass(frozen=True)
class Image:
    """An image of one layer: *files* are text, busybox comes with every image."""

    reference: str
    command: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    user: str = ""
    port: int | None = None


SANDBOX = Image(SANDBOX_IMAGE, ("/bin/busybox", "sleep", "infinity"), user="65535:65535")
WEB = Image(
    WEB_IMAGE,
    ("/bin/busybox", "httpd", "-f", "-p", str(WEB_PORT), "-h", "/srv", "-c", "/etc/httpd.conf"),
    files=WEB_FILES,
    user=WEB_USER,
    port=WEB_PORT,
)


def ensure_images(listener: Listener = ignore) -> tuple[Path, ...]:
    """
    Return the archives to put into the nodes' ``agent/images``: the pods' sandbox, and a web application for ``koprogo-api``.

    busybox is fetched once, from the mirror that the nodes' base image uses.

    Raises:
        KoprogoError: the mirror does not answer.
    """
    directory = cache_dir() / "images"
    busybox = _ensure_busybox(directory / "busybox", listener)
    return tuple(_ensure_archive(directory / f"{_file_name(image)}.tar", image, busybox) for image in (SANDBOX, WEB))


def archive(image: Image, busybox: bytes) -> bytes:
    """Return *image* as ``docker save`` would write it; the same content always gives the same bytes."""
    layer = _tar(
        {"bin/busybox": (busybox, 0o755), **{name: (text.encode(), 0o644) for name, text in image.files.items()}}
    )
    config: dict[str, object] = {"Cmd": list(image.command), "User": image.user, "WorkingDir": "/"}
    if image.port:
        config["ExposedPorts"] = {f"{image.port}/tcp": {}}
    document = json.dumps(
        {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(document).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [image.reference], "Layers": ["layer.tar"]}]
    return _tar(
        {
            config_name: (document, 0o644),
            "layer.tar": (layer, 0o644),
            "manifest.json": (json.dumps(manifest).encode(), 0o644),
        }
    )


def _ensure_archive(file: Path, image: Image, busybox: Path) -> Path:
    write_atomically(file, archive(image, busybox.read_bytes()))
    return file


def _ensure_busybox(file: Path, listener: Listener) -> Path:
    with exclusive(file.with_name(".lock"), "fetching busybox", listener):
        if not file.exists():
            listener(Note("fetching Debian's static busybox for the lab's container images"))
            with tempfile.TemporaryDirectory(dir=file.parent) as workspace:
                run_script(ensure_image(listener), FETCH_BUSYBOX, workspace=Path(workspace), timeout=FETCH_SECONDS)
                write_atomically(file, (Path(workspace) / "bin/busybox").read_bytes(), mode=0o755)
    return file


def _file_name(image: Image) -> str:
    return image.reference.rpartition("/")[2].replace(":", "-")


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    """Return a tar of *files* (content and mode by name) and their directories, all of root's, without time stamps."""
    buffer = io.BytesIO()
    directories = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in sorted(directories):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
