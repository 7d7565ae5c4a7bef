"""Writing digests into ``releases.yaml``, and not one other character of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from koprogo_fleet.core.yamledit import with_value


def pinned(text: str, digests: Mapping[str, str]) -> str:
    """Return the file with the digest of each named release: in place of its old one, or in a line below its version."""
    for name, digest in digests.items():
        text = _pinned(text, name, digest)
    return text


def _pinned(text: str, name: str, digest: str) -> str:
    releases = yaml.load(text, Loader=yaml.BaseLoader)["releases"]  # noqa: S506 - it makes nothing but text
    index = next(index for index, release in enumerate(releases) if release["name"] == name)
    if "digest" in releases[index]:
        return with_value(text, ("releases", index, "digest"), digest)
    return _below_version(text, index, digest)


def _below_version(text: str, index: int, digest: str) -> str:
    """Add the line after that of the version, which a chart from elsewhere always has, indented alike."""
    root: Any = yaml.compose(text, Loader=yaml.BaseLoader)
    (releases,) = (value for key, value in root.value if key.value == "releases")
    item = releases.value[index]
    (version,) = (value for key, value in item.value if key.value == "version")
    if item.flow_style:
        at = version.end_mark.index
        return f"{text[:at]}, digest: {digest}{text[at:]}"
    column = item.start_mark.column
    end = text.find("\n", version.end_mark.index)
    end = len(text) if end < 0 else end
    return f"{text[:end]}\n{' ' * column}digest: {digest}{text[end:]}"
