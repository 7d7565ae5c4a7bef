"""What a cluster holds that a snapshot does not: it would be lost by a restore. Known as far as the API still tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from koprogo_fleet.hosts.k3s import paths

_NOISE = "events|leases|componentstatuses|endpointslices|endpoints|nodes"
"""Written all the time by the cluster itself, and written again after a restore."""

LIST = f"""\
kubectl() {{ timeout 60 {paths.BINARY} kubectl "$@"; }}
kinds=$(kubectl api-resources --verbs=list --output=name) || exit $?
kinds=$(printf '%s\\n' "$kinds" | grep -vE '^({_NOISE})([.]|$)' | grep -v '[.]metrics[.]k8s[.]io$' | paste -sd,)
kubectl get "$kinds" --all-namespaces --ignore-not-found --output=go-template='{{{{range .items}}}}{{{{.kind}}}} {{{{or .metadata.namespace "-"}}}} {{{{.metadata.name}}}} {{{{.metadata.creationTimestamp}}}} {{{{.metadata.resourceVersion}}}}
{{{{end}}}}' || exit $?
"""
"""Prints every object as ``kind namespace name created version``."""


@dataclass(frozen=True)
class Newer:
    """One object that is newer than the snapshot; *created* or else changed since."""

    kind: str
    namespace: str
    name: str
    created: bool

    def __str__(self) -> str:
        place = "" if self.namespace == "-" else f"{self.namespace}/"
        return f"{self.kind} {place}{self.name} ({'created' if self.created else 'changed'} since)"


def newer(listing: str, moment: datetime, revision: int | None) -> list[Newer]:
    """
    Return the objects of a listing (see :data:`LIST`) that are newer than a snapshot.

    Args:
        listing: what the cluster has now.
        moment: when the snapshot was made, UTC.
        revision: etcd's just before; an object's resourceVersion is the revision of its last change. None where nobody
            wrote it down: then only what was created later can be told.
    """
    found = list(_newer(listing.splitlines(), moment, revision))
    return sorted(found, key=lambda one: (not one.created, one.kind, one.namespace, one.name))


def _newer(lines: Iterable[str], moment: datetime, revision: int | None) -> Iterable[Newer]:
    for line in lines:
        parts = line.split()
        if len(parts) != 5:  # noqa: PLR2004 - what LIST prints
            continue
        kind, namespace, name, stamp, version = parts
        created = datetime.fromisoformat(stamp) > moment
        if created or (revision is not None and version.isdigit() and int(version) > revision):
            yield Newer(kind, namespace, name, created)
