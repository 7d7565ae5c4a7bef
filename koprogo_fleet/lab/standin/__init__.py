"""
The stand-in of K3s for places where the real binary cannot be had: one executable file, installed by the same steps.

What runs on the nodes is in :mod:`koprogo_fleet.lab.standin.node`; this module packs it.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import koprogo_fleet
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.lab.kubernetes import binaries_dir
from koprogo_fleet.lab.standin.stamp import stamped

INTERPRETER = b"#!/usr/bin/python3 -IB\n"
NODE_PACKAGE = "koprogo_fleet/lab/standin/node"
CORE_MODULES = ("diff", "errors", "events", "files", "secret", "wait")
"""Those of :mod:`koprogo_fleet.core` that need the standard library alone."""

MAIN = b"""\
import sys

from koprogo_fleet.lab.standin.node.cli import main

sys.exit(main())
"""


def artifact(version: str) -> Path:
    """
    Return the file to install as ``/usr/local/bin/k3s``, which says that it is *version*.

    The same source and version always give the same bytes. Where the Kubernetes programs are built, there is a kubelet
    beside them that reports the same version.
    """
    content = INTERPRETER + _archive(version)
    file = cache_dir() / "k3s-standin" / hashlib.sha256(content).hexdigest()[:12] / "k3s"
    write_atomically(file, content, mode=0o755)
    _stamp_kubelet(version)
    return file


def _stamp_kubelet(version: str) -> None:
    """Put a kubelet of *version* where the nodes see it (``versions/`` beside the programs), unless it is there."""
    kubelet = binaries_dir() / "kubelet"
    target = binaries_dir() / "versions" / version / "kubelet"
    if not kubelet.exists() or (target.exists() and target.stat().st_mtime >= kubelet.stat().st_mtime):
        return
    told = subprocess.run([kubelet, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    if content := stamped(kubelet.read_bytes(), told.split()[-1], version):
        write_atomically(target, content, mode=0o755)


def _archive(version: str) -> bytes:
    root = Path(koprogo_fleet.__file__).parent.parent
    files = {"__main__.py": MAIN}
    files.update({f"{package}/__init__.py": b"" for package in _parents(NODE_PACKAGE)})
    files["koprogo_fleet/core/__init__.py"] = b""
    for source in (
        *sorted((root / NODE_PACKAGE).glob("*.py")),
        *(root / "koprogo_fleet/core" / f"{name}.py" for name in CORE_MODULES),
    ):
        files[str(source.relative_to(root))] = source.read_bytes()
    files[f"{NODE_PACKAGE}/release.py"] = (
        f'"""The release that this artefact stands for."""\n\nVERSION = "{version}"\n'.encode()
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _parents(package: str) -> list[str]:
    parts = package.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
