"""Getting the charts of all releases, as many as can be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.helm.fetch import fetch
from koprogo_fleet.helm.release import Release


@dataclass(frozen=True)
class Fetched:
    """What became of each chart, in words, and the digests of those that had none."""

    done: tuple[str, ...]
    failed: tuple[str, ...]
    new_digests: Mapping[str, str]


def fetch_charts(releases: Iterable[Release], *, may_pin: bool) -> Fetched:
    """
    Fetch the charts that come from elsewhere, also those of releases that are switched off.

    Args:
        releases: whose.
        may_pin: whether one without a digest is taken as it comes.
    """
    done, failed, digests = [], [], {}
    for release in releases:
        if release.is_local:
            continue
        chart = f"release {release.name}: {release.chart_name} {release.version}"
        if release.digest is None and not may_pin:
            failed.append(f"{chart} is not pinned: koprogo-fleet releases fetch --pin")
            continue
        try:
            digest = fetch(release)
        except KoprogoError as error:
            failed.append(error.seen)
            continue
        done.append(f"{chart} is in the cache, {digest}")
        if release.digest is None:
            digests[release.name] = digest
    return Fetched(tuple(done), tuple(failed), digests)
