"""
Writing a file in one move: whoever reads it sees the old one or the new one, and never a part.

That holds across a loss of power, too, because the content is on the disk before the name leads to it. That the name
leads to it for good takes a sync of the directory, :func:`sync_directory`: one for all files in it, and before the run
says that it is done.
"""

from __future__ import annotations

import base64
import shlex
from pathlib import PurePosixPath

from koprogo_fleet.hosts.resource import Once

TEMPORARY = '"$temporary"'
"""The file that is filled before it takes the place of another, as the sh of this module calls it."""
_UNTOLD = "echo 'the validator refused it; what it said is not shown, for the file is secret' >&2"


def write_script(path: str, content: bytes, settle: str, validate: str | None = None, *, secret: bool = False) -> str:
    """
    Return sh that writes *content* to *path* by a temporary file in the same directory; see :func:`sync_directory`.

    Args:
        path: absolute; its directory is made if missing.
        content: never in an argument list.
        settle: sh that gives ``"$temporary"`` its owner and permissions.
        validate: a command that must accept the new file, ``%s``, before it takes the old one's place.
        secret: what the validator says is not shown: it may quote the file.
    """
    # printf is a part of the shell: the content is in nobody's argument list.
    encoded = base64.b64encode(content).decode()
    fill = f"umask 077; set -C\nprintf %s '{encoded}' | base64 -d >\"$temporary\"\numask 022; set +C"
    return replace_script(path, fill, settle, validate, secret=secret)


def replace_script(path: str, fill: str, settle: str, validate: str | None = None, *, secret: bool = False) -> str:
    """Return the same for a content that the sh in *fill* puts into ``"$temporary"``, a file that is not there yet."""
    there = PurePosixPath(path)
    directory = shlex.quote(str(there.parent))
    lines = [
        f"temporary={shlex.quote(f'{there.parent}/.{there.name}.koprogo-tmp')}",
        f"[ -d {directory} ] || mkdir -p -- {directory}",
        # A run that was killed may have left one. Every program that is not started counts: there are many files.
        '{ [ ! -e "$temporary" ] && [ ! -L "$temporary" ]; } || rm -f -- "$temporary"',
        """trap 'rm -f -- "$temporary"' EXIT""",
        fill,
        settle,
    ]
    if validate:
        # "set -e" overlooks a negated command, and the left side of &&.
        command = f"{{ {validate.replace('%s', TEMPORARY)}; }}"
        lines.append(f"{command} >/dev/null 2>&1 || {{ {_UNTOLD}; exit 1; }}" if secret else f"{command} || exit")
    lines += ['sync -- "$temporary"', f'mv -fT -- "$temporary" {shlex.quote(path)}', "trap - EXIT"]
    return "\n".join(lines)


def sync_directory(path: str) -> Once:
    """Return what makes sure that the change of the name *path* is on the disk."""
    return Once("sync", "sync --", str(PurePosixPath(path).parent))


def set_owner(quoted_path: str, owner: str, group: str, mode: str) -> str:
    """Return sh that sets owner and permissions."""
    if quoted_path == TEMPORARY and owner == group == "root":
        # It is root's already, unless its directory hands its own group down.
        return f"{{ [ -O {TEMPORARY} ] && [ -G {TEMPORARY} ]; }} || chown -- root:root {TEMPORARY}\nchmod -- {mode} {TEMPORARY}"
    return f"chown -- {shlex.quote(f'{owner}:{group}')} {quoted_path}\nchmod -- {mode} {quoted_path}"
