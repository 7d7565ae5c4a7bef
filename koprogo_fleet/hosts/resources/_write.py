"""
Writing a file in one move: whoever reads it sees the old one or the new one, and never a part.

That holds across a loss of power, too, because the content is on the disk before the name leads to it. That the name
leads to it for good takes a sync of the directory, :func:`sync_directory`: one for all files in it, and before the run
says that it is done.
"""

from __future__ import annotations

import base64
import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from koprogo_fleet.hosts.resource import Once

TEMPORARY = '"$temporary"'
"""The file that is filled before it takes the place of another, as the sh of this module calls it."""
_ROOTS = f"{{ [ -O {TEMPORARY} ] && [ -G {TEMPORARY} ]; }} || chown -- root:root {TEMPORARY}"
"""It is root's already, unless its directory hands its own group down."""
_OPEN_MODE = 0o666
"""What a shell makes files with, but for its umask."""
_PLAIN = re.compile(rb"[\t\n -~]*")
"""What every sh takes between single quotes as it is, and nobody needs to hide."""
_TELL_WHY = f" || {{ head -c 65536 /dev/zero >>{TEMPORARY}; exit 1; }}"
"""The shell says "I/O error", whatever it is; a program that cannot write there either says that the disk is full."""
_UNTOLD = "echo 'the validator refused it; what it said is not shown, for the file is secret' >&2"


@dataclass(frozen=True)
class Ownership:
    """
    How a new file gets its owner and permissions.

    Attributes:
        settle: sh that gives them to ``"$temporary"``.
        umask: what it is made with until then.
    """

    settle: str
    umask: str = "077"


def owned_by(owner: str, group: str, mode: str) -> Ownership:
    """Return how a new file becomes *owner*'s and *group*'s; where it is made as it should be, no program is needed."""
    bits = int(mode, 8)
    if owner == group == "root" and bits & ~_OPEN_MODE == 0:
        return Ownership(_ROOTS, f"{_OPEN_MODE & ~bits:03o}")
    return Ownership(set_owner(TEMPORARY, owner, group, mode))


def write_script(
    path: str, content: bytes, ownership: Ownership, validate: str | None = None, *, secret: bool = False
) -> str:
    """
    Return sh that writes *content* to *path* by a temporary file in the same directory; see :func:`sync_directory`.

    Args:
        path: absolute; its directory is made if missing.
        content: never in an argument list.
        ownership: how the new file gets its owner and permissions.
        validate: a command that must accept the new file, ``%s``, before it takes the old one's place.
        secret: what the validator says is not shown: it may quote the file.
    """
    plain = not secret and _PLAIN.fullmatch(content)
    # printf is a part of the shell: the content is in nobody's argument list.
    printed = f"printf %s {shlex.quote(content.decode('ascii'))}" if plain else _decoded(content)
    told = _TELL_WHY if plain else ""
    fill = f'umask {ownership.umask}; set -C\n{printed} >"$temporary"{told}\numask 022; set +C'
    return replace_script(path, fill, ownership.settle, validate, secret=secret)


def _decoded(content: bytes) -> str:
    return f"printf %s '{base64.b64encode(content).decode()}' | base64 -d"


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
        return f"{_ROOTS}\nchmod -- {mode} {TEMPORARY}"
    return f"chown -- {shlex.quote(f'{owner}:{group}')} {quoted_path}\nchmod -- {mode} {quoted_path}"
