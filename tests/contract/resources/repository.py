"""A signed repository of one Debian package, made on the spot."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

PACKAGE = "koprogo-example"


def make_signing_key(directory: Path) -> str:
    """Make a key in *directory*, GnuPG's home, and return its public half, ASCII-armored."""
    directory.mkdir(mode=0o700)
    _gpg(directory, "--passphrase", "", "--quick-generate-key", "Example <example@example.invalid>", "ed25519", "sign")
    return _gpg(directory, "--armor", "--export").decode()


def make_repository(directory: Path, key: Path) -> None:
    """Put the package and its signed lists into *directory*."""
    tree = directory / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "opt" / "koprogo-example").mkdir(parents=True)
    (tree / "opt" / "koprogo-example" / "file").write_text("installed\n", encoding="ascii")
    control = (
        f"Package: {PACKAGE}\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@example.invalid>\nDescription: x\n"
    )
    (tree / "DEBIAN" / "control").write_text(control, encoding="ascii")
    deb = directory / "example.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", tree, deb], check=True, capture_output=True, timeout=30
    )
    packages = f"{control}Filename: ./example.deb\nSize: {deb.stat().st_size}\nSHA256: {_sha256(deb)}\n"
    (directory / "Packages").write_text(packages, encoding="ascii")
    size = len(packages)
    release = (
        f"Suite: x\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n {_sha256(directory / 'Packages')} {size} Packages\n"
    )
    (directory / "Release").write_text(release, encoding="ascii")
    _gpg(key, "--clearsign", "--output", str(directory / "InRelease"), str(directory / "Release"))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _gpg(home: Path, *arguments: str) -> bytes:
    command = ["gpg", "--homedir", str(home), "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
