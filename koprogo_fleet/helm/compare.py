"""What an upgrade of a release would change. Pure: manifests and kubectl's diffs in, differences out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from koprogo_fleet.core.diff import Difference, Operation, text_diff
from koprogo_fleet.helm.model import Deployed, Rendered

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# group.version.Kind.namespace.name; the core group has no name, objects of the whole cluster have no namespace.
_KUBECTL_NAME = re.compile(r"(?:\S+\.)?v\d+(?:(?:alpha|beta)\d+)?\.(?P<kind>[A-Z]\w*)\.[a-z0-9-]*\.(?P<name>\S+)")
_NOISE = re.compile(r"^[-+ ]\s+(generation|resourceVersion|uid|creationTimestamp): ")
_SHOWN_LINES = 2
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class ObjectKey:
    """What makes an object the same one: its API version may change, its group may not."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@lru_cache(maxsize=64)  # a run asks for the same manifest several times, and parsing is what takes long
def objects(manifest: str) -> Mapping[ObjectKey, Mapping[str, Any]]:
    """Return the objects of a rendered manifest by their keys; comments and order do not count."""
    return {_key(item): item for item in yaml.load_all(manifest, Loader=_Loader) if item}


def differences(name: str, deployed: Deployed, rendered: Rendered, drift: str = "") -> tuple[Difference, ...]:
    """
    Return what is not as it should be with the release *name*.

    Args:
        name: of the release.
        deployed: its newest revision.
        rendered: what the chart says now.
        drift: kubectl's diff from the live objects to *rendered*; of the objects that change anyway nothing is told.
    """
    found = [*_status(name, deployed), *_manifests(name, deployed.rendered, rendered)]
    told = {difference.what for difference in found}
    return (*found, *(difference for difference in _drift(name, drift) if difference.what not in told))


def _status(name: str, deployed: Deployed) -> Iterator[Difference]:
    if deployed.status != "deployed":
        old = f"{deployed.status} (revision {deployed.revision})"
        yield Difference(Operation.CHANGE, f"release {name}", old=old, new="deployed")


def _manifests(name: str, old: Rendered, new: Rendered) -> Iterator[Difference]:
    yield from _changes(f"release {name}", objects(old.manifest), objects(new.manifest))
    yield from _changes(f"release {name} hook", _hooks(old), _hooks(new))


def _hooks(rendered: Rendered) -> Mapping[ObjectKey, Mapping[str, Any]]:
    return {key: item for hook in rendered.hooks for key, item in objects(hook.manifest).items()}


def _changes(
    prefix: str, old: Mapping[ObjectKey, Mapping[str, Any]], new: Mapping[ObjectKey, Mapping[str, Any]]
) -> Iterator[Difference]:
    for key, item in new.items():
        what = f"{prefix}: {key}"
        if key not in old:
            yield Difference(Operation.CREATE, what)
        elif old[key] != item:
            yield _change(what, old[key], item, str(key))
    for key in old:
        if key not in new:
            yield Difference(Operation.DELETE, f"{prefix}: {key}")


def _change(what: str, old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> Difference:
    if new["kind"] == "Secret":
        return Difference(Operation.CHANGE, what, old="other values", new="values that are not shown")
    diff = text_diff(yaml.safe_dump(old), yaml.safe_dump(new), name)
    removed, added = _gist(diff)
    return Difference(Operation.CHANGE, what, old=removed, new=added, detail=diff)


def _drift(name: str, diff: str) -> Iterator[Difference]:
    for section in re.split(r"^diff .*\n", diff, flags=re.MULTILINE)[1:]:
        lines = section.splitlines()
        match = _KUBECTL_NAME.search(lines[0].split("/")[-1].split("\t")[0])
        if match is None:
            continue
        what = f"release {name}: {match['kind']} {match['name']}"
        if lines[2].startswith("@@ -0,0 "):
            yield Difference(Operation.CREATE, what, new="it is missing in the cluster")
            continue
        body = "\n".join(line for line in lines[2:] if not _NOISE.match(line))
        removed, added = _gist(body)
        if removed or added:
            yield Difference(Operation.CHANGE, what, old=removed, new=added, detail=body)


def _gist(diff: str) -> tuple[str, str]:
    """Return what a unified diff removes and adds, if that is short enough for one line."""
    changed = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    return _short(changed, "-"), _short(changed, "+")


def _short(lines: list[str], sign: str) -> str:
    mine = [line[1:].strip() for line in lines if line.startswith(sign)]
    text = ", ".join(mine)
    return text if len(mine) <= _SHOWN_LINES and len(text) <= _SHOWN_CHARACTERS else f"{len(mine)} lines"


def _key(item: Mapping[str, Any]) -> ObjectKey:
    metadata = item.get("metadata", {})
    group, _, _ = item["apiVersion"].rpartition("/")
    return ObjectKey(group, item["kind"], metadata.get("namespace", ""), metadata.get("name", ""))
