"""Writing a file in one move: whoever reads it sees the old one or the new one, and never a part."""

from __future__ import annotations

import base64
import shlex
from pathlib import PurePosixPath

_TEMPORARY = '"$temporary"'


def write_script(path: str, content: bytes, settle: str, validate: str | None = None) -> str:
    """
    Return sh that writes *content* to *path* by a temporary file in the same directory.

    Args:
        path: absolute; its directory is made if missing.
        content: never in an argument list.
        settle: sh that gives ``"$temporary"`` its owner and permissions.
        validate: a command that must accept the new file, ``%s``, before it takes the old one's place.
    """
    # printf is a part of the shell: the content is in nobody's argument list.
    fill = f"(umask 077; set -C; printf %s '{base64.b64encode(content).decode()}' | base64 -d >\"$temporary\")"
    return replace_script(path, fill, settle, validate)


def replace_script(path: str, fill: str, settle: str, validate: str | None = None) -> str:
    """Return the same for a content that the sh in *fill* puts into ``"$temporary"``, a file that is not there yet."""
    there = PurePosixPath(path)
    directory = shlex.quote(str(there.parent))
    lines = [
        f"temporary={shlex.quote(f'{there.parent}/.{there.name}.koprogo-tmp')}",
        f"[ -d {directory} ] || mkdir -p -- {directory}",
        'rm -f -- "$temporary"',  # a run that was killed may have left one
        """trap 'rm -f -- "$temporary"' EXIT""",
        fill,
        settle,
    ]
    if validate:
        # "set -e" overlooks a negated command, and the left side of &&.
        lines.append(f"{{ {validate.replace('%s', _TEMPORARY)}; }} || exit")
    lines += ['sync -- "$temporary"', f'mv -fT -- "$temporary" {shlex.quote(path)}', f"sync -- {directory}"]
    return "\n".join(lines)


def set_owner(quoted_path: str, owner: str, group: str, mode: str) -> str:
    """Return sh that sets owner and permissions."""
    return f"chown -- {shlex.quote(f'{owner}:{group}')} {quoted_path}\nchmod -- {mode} {quoted_path}"
