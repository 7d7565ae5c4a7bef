"""Getting the archive of a chart from a repository over HTTP, or from an OCI registry."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import yaml

from koprogo_fleet.core.errors import HelmError, InputError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.wording import did_you_mean
from koprogo_fleet.helm.charts import cached, check_digest, digest_of
from koprogo_fleet.helm.release import OCI, Release

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SECONDS = 60.0
_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CHALLENGE = re.compile(r'(realm|service|scope)="([^"]*)"')
_LOOPBACK = {"127.0.0.1", "localhost"}


def fetch(release: Release) -> str:
    """
    Put the release's chart into the cache, unless it is there, and return its digest.

    Raises:
        InputError: it is not the archive that the release pins, or the repository has none of this name and version.
        HelmError: the repository does not answer.
    """
    if release.digest is not None and (there := cached(release, release.digest)).is_file():
        check_digest(release, there.read_bytes(), str(there))
        return release.digest
    with requests.Session() as session:
        origin, archive = (_from_registry if release.chart.startswith(OCI) else _from_repository)(session, release)
    check_digest(release, archive, origin)
    digest = digest_of(archive)
    place = cached(release, digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, archive, mode=0o644)
    return digest


def _from_repository(session: requests.Session, release: Release) -> tuple[str, bytes]:
    base = f"{str(release.repository).rstrip('/')}/"
    index = _index(base, _get(session, f"{base}index.yaml").content)
    versions = index.get(release.chart)
    if versions is None:
        raise InputError(
            f"release {release.name}: {base} has no chart {release.chart}{did_you_mean(release.chart, index)}",
            next_step="correct `chart` or `repository`",
        )
    for entry in versions:
        if entry.get("version") == release.version:
            url = urljoin(base, entry["urls"][0])
            return url, _get(session, url).content
    known = [str(entry.get("version")) for entry in versions]
    raise InputError(
        f"release {release.name}: {base} has no {release.chart} {release.version}"
        f"{did_you_mean(release.version, known) or f'; its newest is {known[0]}' if known else ''}",
        next_step="correct `version`",
    )


def _index(base: str, content: bytes) -> dict[str, list[dict[str, Any]]]:
    try:
        entries = yaml.load(content, Loader=_Loader)["entries"]  # noqa: S506 - a safe one
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise HelmError(
            f"{base}index.yaml is not the index of a chart repository",
            cause="another program answers there, or a proxy in between",
            next_step="correct `repository`",
        ) from error
    return dict(entries)


def _from_registry(session: requests.Session, release: Release) -> tuple[str, bytes]:
    host, _, path = release.chart.removeprefix(OCI).partition("/")
    scheme = "http" if urlsplit(f"//{host}").hostname in _LOOPBACK else "https"
    base = f"{scheme}://{host}/v2/{path}"
    tag = str(release.version).replace("+", "_")  # an OCI tag has no "+": Helm's own rule
    manifest = _get(session, f"{base}/manifests/{tag}", accept=_MANIFEST).json()
    layers = [layer["digest"] for layer in manifest.get("layers", ()) if layer.get("mediaType") == _LAYER]
    if len(layers) != 1:
        raise InputError(
            f"release {release.name}: {release.chart}:{tag} is not a Helm chart",
            cause="something else is published under this name: an image, for example",
            next_step="correct `chart`",
        )
    return f"{release.chart}:{tag}", _get(session, f"{base}/blobs/{layers[0]}").content


def _get(session: requests.Session, url: str, *, accept: str = "*/*") -> requests.Response:
    try:
        answer = session.get(url, headers={"Accept": accept}, timeout=_SECONDS)
        if answer.status_code == requests.codes.unauthorized and (token := _token(session, answer)):
            session.headers["Authorization"] = f"Bearer {token}"
            answer = session.get(url, headers={"Accept": accept}, timeout=_SECONDS)
        answer.raise_for_status()
    except requests.HTTPError as error:
        raise HelmError(
            f"{url}: {error.response.status_code} {error.response.reason}",
            cause="there is no such chart or version, or it may not be read without logging in",
            next_step="correct `chart`, `repository` and `version`",
        ) from error
    except requests.RequestException as error:
        raise HelmError(
            f"{url}: no answer ({type(error).__name__})",
            cause="this machine cannot reach it, or it is down",
            next_step="fetch on a machine that can, and copy the cache's folder charts/ from there",
        ) from error
    return answer


def _token(session: requests.Session, refused: requests.Response) -> str:
    """Ask for the token that a registry gives to everybody."""
    challenge = dict(_CHALLENGE.findall(refused.headers.get("WWW-Authenticate", "")))
    realm = challenge.pop("realm", "")
    if not realm:
        return ""
    answer = session.get(realm, params=challenge, timeout=_SECONDS)
    answer.raise_for_status()
    given = answer.json()
    return str(given.get("token") or given.get("access_token") or "")
