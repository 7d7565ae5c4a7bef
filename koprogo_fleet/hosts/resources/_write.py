"""Writing a file in one move: whoever reads it sees the old one or the new one, and never a part."""

from __future__ import annotations

import base64
import shlex
from pathlib import PurePosixPath

_TEMPORARY = '"$temporary"'
_UNTOLD = "echo 'the validator refused it; what it said is not shown, for the file is secret' >&2"


def write_script(path: str, content: bytes, settle: str, validate: str | None = None, *, secret: bool = False) -> str:
    """
    Return sh that writes *content* to *path* by a temporary file in the same directory.

    Args:
        path: absolute; its directory is made if missing.
        content: never in an argument list.
        settle: sh that gives ``"$temporary"`` its owner and permissions.
        validate: a command that must accept the new file, ``%s``, before it takes the old one's place.
        secret: what the validator says is not shown: it may quote the file.
    """
    # printf is a part of the shell: the content is in nobody's argument list.
    fill = f"(umask 077; set -C; printf %s '{base64.b64encode(content).decode()}' | base64 -d >\"$temporary\")"
    return replace_script(path, fill, settle, validate, secret=secret)


def replace_script(path: str, fill: str, settle: str, validate: str | None = None, *, secret: bool = False) -> str:
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
        command = f"{{ {validate.replace('%s', _TEMPORARY)}; }}"
        lines.append(f"{command} >/dev/null 2>&1 || {{ {_UNTOLD}; exit 1; }}" if secret else f"{command} || exit")
    lines += ['sync -- "$temporary"', f'mv -fT -- "$temporary" {shlex.quote(path)}', f"sync -- {directory}"]
    return "\n".join(lines)


def set_owner(quoted_path: str, owner: str, group: str, mode: str) -> str:
    """Return sh that sets owner and permissions."""
    return f"chown -- {shlex.quote(f'{owner}:{group}')} {quoted_path}\nchmod -- {mode} {quoted_path}"
