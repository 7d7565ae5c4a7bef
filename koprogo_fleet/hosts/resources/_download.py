"""Something fetched by the node itself, which must have the checksum that we know."""

from __future__ import annotations

import re
import shlex
from urllib.parse import urlsplit

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resources._path import check_path

_CURL = """\
command -v curl >/dev/null || { echo 'curl is not installed: put Packages(("curl",)) before this' >&2; exit 127; }
curl --disable --globoff --fail --silent --show-error --location --proto '=http,https' --retry 2 \\
  --connect-timeout 20 --speed-limit 1000 --speed-time 60 --output "$temporary" --url"""


def check_source(source: str, sha256: str) -> None:
    """Raise InputError unless *source* is a URL, or a path on the node, and *sha256* a checksum."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise InputError(f"not a sha256 in 64 small hexadecimal digits: {sha256!r}", next_step="sha256sum FILE")
    if source.startswith("/"):
        check_path(source)
        return
    parts = urlsplit(source)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not re.fullmatch(r"[!-~]+", source):
        raise InputError(f"neither a URL (http, https) nor an absolute path on the node: {source!r}")
    if parts.username or parts.password:
        raise InputError(f"a password in a URL shows in process lists: {parts.hostname}")


def fetch_script(source: str, sha256: str) -> str:
    """Return sh that puts *source* into ``"$temporary"``, and fails unless its checksum is *sha256*."""
    quoted = shlex.quote(source)
    get = f'cp -- {quoted} "$temporary"' if source.startswith("/") else f"{_CURL} {quoted}"
    return f"""\
(umask 077; set -C; : >"$temporary")
{get}
found=$(sha256sum <"$temporary"); found=${{found%% *}}
if [ "$found" != {sha256} ]; then
  printf 'the sha256 of %s is %s, not {sha256}\\n' {quoted} "$found" >&2; exit 1
fi"""
