"""Files to a node: streamed, checked there, and visible only when whole."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.ssh.failures import command_failed
from koprogo_fleet.ssh.session import Session

_MARGIN_KB = 1024
_WRONG_SUM = 65
_UNCHANGED = b"unchanged\n"

_RECEIVE = """\
set -eu
umask 077
target=$1 mode=$2 owner=$3 sum=$4 need=$5 guard=$6
( eval "$guard" ) || exit
if [ -f "$target" ] && [ ! -L "$target" ] && echo "$sum  $target" | sha256sum --check --status; then
  [ "$(stat -c %a "$target")" = "$mode" ] && [ "$(stat -c %U "$target")" = "${owner%%:*}" ] && { echo unchanged; exit 0; }
  eval "$guard"
  chown "$owner" "$target"; chmod "$mode" "$target"; exit 0
fi
directory=$(dirname "$target")
[ -d "$directory" ] || (umask 022; mkdir -p "$directory")
free=$(df -Pk "$directory" | awk 'NR == 2 {print $4}')
if [ "$free" -lt "$need" ]; then
  echo "No space left on device: $need kB are needed in $directory, $free kB are free" >&2
  exit 28
fi
temporary="$directory/.$(basename "$target").koprogo-tmp"
rm -f "$temporary".*
temporary=$temporary.$$
trap 'rm -f "$temporary"' EXIT
set -C
cat >"$temporary"
set +C
eval "$guard"
if ! echo "$sum  $temporary" | sha256sum --check --status; then
  echo "got $(stat -c %s "$temporary") bytes with the sha256 $(sha256sum <"$temporary")" >&2
  exit 65
fi
chown "$owner" "$temporary"
chmod "$mode" "$temporary"
sync "$temporary"
mv -fT "$temporary" "$target"
sync "$directory"
"""


Progress = Callable[[int, int], None]


def push_file(  # noqa: PLR0913 - one call says it all, by name
    session: Session,
    local: Path,
    remote: str,
    *,
    mode: str,
    owner: str = "root",
    sha256: str,
    timeout: float,
    guard: str = "",
    progress: Progress = lambda _sent, _total: None,
) -> bool:
    """
    Make *remote* on the node a copy of *local*, in one round trip; a reader there sees the old file or the new one.

    A file that already has this content is not sent again.

    Args:
        session: the node.
        local: the file to send; it is streamed, never held in memory.
        remote: the absolute path there. Missing parent directories are made.
        mode: octal permissions, as in "0755".
        owner: "user" or "user:group".
        sha256: what the content must be, in hex; checked on the node before the file gets its name.
        timeout: seconds for all of it.
        guard: sh that is run on the node before a byte is sent and again before the file gets its name; it ends with an
            exit status of its own if nothing must be changed.
        progress: called with the bytes handed to the connection so far, and their total, for each part of 32 KiB; for a
            file that the node already has it stops early. What it raises ends the upload.

    Returns:
        whether anything changed.

    Raises:
        InputError: *local* cannot be read, or is not what *sha256* promises.
        CommandFailed: the disk is full (found before a byte is sent, or in between), or the node cannot write there;
            or the guard said no.
        SessionLost, CommandTimeout: as :meth:`Session.run`; *remote* is the old file or the new one.
    """
    what = f"upload of {local.name} to {remote}"
    try:
        file = local.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {local}: {error.strerror}") from error
    with file:
        need_kb = local.stat().st_size // 1024 + _MARGIN_KB
        arguments = [remote, mode.lstrip("0"), owner, sha256, str(need_kb), guard]
        command = shlex.join(["sh", "-c", _RECEIVE, "koprogo-upload", *arguments])
        counted = _Counted(file, local.stat().st_size, progress)
        completed = session.run_as_root(command, stdin=counted, timeout=timeout)
    if completed.exit_status == _WRONG_SUM:
        raise InputError(
            f"{session.host}: {what}: {completed.stderr.decode(errors='replace').strip()}, expected {sha256}",
            cause=f"{local} is damaged, or not the version whose checksum is configured",
            next_step=f"sha256sum {local}; remove it to have it fetched again",
        )
    if completed.exit_status:
        raise command_failed(session.host, what, completed)
    return completed.stdout != _UNCHANGED


class _Counted:
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, total: int, progress: Progress) -> None:
        self._file = file
        self._total = total
        self._sent = 0
        self._progress = progress

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        if data:
            self._sent += len(data)
            self._progress(self._sent, self._total)
        return data
