"""Where the charts of releases are: a directory of ours, or an archive in the cache that is what its digest says."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import yaml

from koprogo_fleet.core.errors import ChartUnavailable, InputError
from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.core.yamlfile import load_yaml
from koprogo_fleet.helm.release import Release

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SHOWN_DIGITS = 12


def chart_of(release: Release, releases_file: Path) -> Path:
    """
    Return the release's chart, a directory or an archive; nothing is fetched.

    Raises:
        ChartUnavailable: it is not in the cache, or not pinned yet.
        InputError: it is there, and not what the release asks for.
    """
    if release.is_local:
        return chart_directory(release, releases_file)
    if release.digest is None:
        raise ChartUnavailable(
            f"release {release.name}: its chart {release.chart_name} {release.version} has no digest yet",
            cause="nobody with access to the repository has pinned it",
            next_step="koprogo-fleet releases fetch --pin",
        )
    archive = cached(release, release.digest)
    if not archive.is_file():
        raise ChartUnavailable(
            f"release {release.name}: its chart {release.chart_name} {release.version} is not in {archive.parent}",
            cause="it was not fetched on this machine",
            next_step="koprogo-fleet releases fetch; or copy that folder from a machine that has it",
        )
    check_digest(release, archive.read_bytes(), str(archive))
    return archive


def chart_directory(release: Release, releases_file: Path) -> Path:
    """
    Return the release's chart: a directory, named relative to *releases_file*.

    Raises:
        InputError: there is no chart, or it is not of the version that the release asks for.
    """
    directory = (releases_file.parent / release.chart).resolve()
    chart = load_yaml(
        directory / "Chart.yaml",
        next_step=f"correct the chart {release.chart!r} of the release {release.name} in {releases_file}",
    ).data
    version = chart.get("version") if isinstance(chart, dict) else None
    if release.version is not None and version != release.version:
        raise InputError(
            f"release {release.name}: the chart in {directory} has the version {version}, not {release.version}",
            cause="the chart was changed, and nobody said yet that this release follows",
            next_step=f"look at what changed, then set version: {version} in {releases_file}",
        )
    return directory


def cached(release: Release, digest: str) -> Path:
    """Return where the archive of this digest is kept, or would be."""
    short = digest.removeprefix("sha256:")[:_SHOWN_DIGITS]
    return cache_dir() / "charts" / f"{release.chart_name}-{release.version}-{short}.tgz"


def digest_of(archive: bytes) -> str:
    """Return an archive's digest as releases.yaml has it."""
    return f"sha256:{hashlib.sha256(archive).hexdigest()}"


def check_digest(release: Release, archive: bytes, origin: str) -> None:
    """
    Do nothing, unless the archive is another one than the release pins.

    Raises:
        InputError: it is.
    """
    seen = digest_of(archive)
    if release.digest is not None and seen != release.digest:
        raise InputError(
            f"release {release.name}: {origin} has the digest {seen}, not {release.digest}",
            cause="the chart was published anew under the same version, or somebody changed it on the way",
            next_step="do not use it; look at what changed, and pin it anew only if you trust it",
        )


def content_digest(chart: Path) -> str:
    """Return a digest of everything in a chart: another one as soon as any file of it changes."""
    if chart.is_file():
        return digest_of(chart.read_bytes())
    total = hashlib.sha256()
    for path in sorted(path for path in chart.rglob("*") if path.is_file()):
        content = path.read_bytes()
        total.update(f"{path.relative_to(chart).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return f"sha256:{total.hexdigest()}"


def chart_file(chart: Path, name: str) -> str | None:
    """
    Return a text file out of a chart, or None where it has none of this name.

    Raises:
        InputError: the archive is none.
    """
    if chart.is_dir():
        path = chart / name
        return path.read_text(encoding="utf-8") if path.is_file() else None
    try:
        with tarfile.open(chart, "r:gz") as archive:
            for member in archive:
                _, _, inside = member.name.partition("/")
                if inside == name and (content := archive.extractfile(member)) is not None:
                    return content.read().decode("utf-8")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{chart} is not an archive of a chart: {error}",
            next_step=f"rm {chart}, then: koprogo-fleet releases fetch",
        ) from error
    return None


def chart_yaml(chart: Path, name: str) -> dict[str, object]:
    """
    Return a YAML file out of a chart, empty where it has none: written by others, so that their YAML is read as it is.

    Raises:
        InputError: it cannot be read.
    """
    try:
        found = yaml.load(chart_file(chart, name) or "", Loader=_Loader)  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        raise InputError(f"{chart}: its {name} is not YAML: {error}", next_step="tell who made the chart") from error
    return found if isinstance(found, dict) else {}
