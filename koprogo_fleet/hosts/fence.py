"""
Whose a node is: a number and a run's id in a file on the node itself, checked there by whatever changes it.

A run claims a node by writing the next number and its own id. A run that was paused meanwhile, or whose lock file
vanished, still knows the text that it wrote: the node no longer shows it, and refuses. A change holds the kernel's lock
on the fence's directory from the check to its own end, and a claim takes the same lock: a claim waits for a change that
is going on, and no change begins beside a claim. Clocks play no part.
"""

from __future__ import annotations

import shlex

from koprogo_fleet.core.errors import CommandTimeout, Fenced, SshError

DIRECTORY = "/var/lib/koprogo-fleet"
BUSY = 75
TAKEN = 76
BUSY_SECONDS = 60
"""How long a change waits for another one on the same node: that is one of the same run, whose connection was lost."""

_LOCK = """\
found= busy=
if [ -d "$fence" ]; then
  exec 9<"$fence"
  flock -w {seconds} 9 || busy=yes
  found=$(cat "$fence/fence" 2>/dev/null) || :
fi
[ -z "$busy" ] || {{ printf '%s\\n' "$found" >&2; exit {busy}; }}
"""

_GUARD = """\
fence={directory}
{lock}[ "$found" = {text} ] || {{ printf '%s\\n' "$found" >&2; exit {taken}; }}
"""

_CLAIM = """\
set -eu
umask 077
fence={directory}
mkdir -p "$fence"
chmod 0700 "$fence"
{lock}number=${{found%% *}}
case $number in '' | *[!0-9]* | 0?* | ????????????????*) number=0 ;; esac
printf '%s %s\\n' $((number + 1)) {run} >"$fence/.fence.koprogo-tmp"
sync "$fence/.fence.koprogo-tmp"
mv -fT "$fence/.fence.koprogo-tmp" "$fence/fence"
sync "$fence"
cat "$fence/fence"
"""


def claim_script(run_id: str, *, seconds: int = 2, directory: str = DIRECTORY) -> bytes:
    """
    Return the script that claims a node for a run and prints the fence's new text.

    It ends with :data:`BUSY`, and prints the text that is there, when a change is still going on after *seconds*.
    """
    lock = _LOCK.format(busy=BUSY, seconds=seconds)
    return _CLAIM.format(directory=shlex.quote(directory), run=shlex.quote(run_id), lock=lock).encode()


def guard(fence: str | None, *, seconds: int = BUSY_SECONDS, directory: str = DIRECTORY) -> str:
    """
    Return the sh that comes before a change: it goes on only while the node's fence says *fence*, and keeps it so.

    File descriptor 9 holds the lock until the shell ends; what should outlive the shell must be started with ``9<&-``.
    Otherwise it ends the shell: with :data:`TAKEN` or :data:`BUSY`, and the fence's text on stderr. Without a fence
    there is nothing to guard.
    """
    if fence is None:
        return ""
    lock = _LOCK.format(busy=BUSY, seconds=seconds)
    return _GUARD.format(directory=shlex.quote(directory), text=shlex.quote(fence.strip()), lock=lock, taken=TAKEN)


def refusal(host: str, exit_status: int | None, found: str) -> SshError | None:
    """Return the error for a guard's or a claim's exit status, or None if it is neither refusal; *found* is the fence."""
    fence = found.strip()
    run = fence.partition(" ")[2]
    if exit_status == TAKEN and run:
        return Fenced(
            host,
            f"the run {run} has claimed this node since; nothing was changed",
            fence=fence,
            cause="this run was paused, or its lock was removed, and another one began",
            next_step="let the other run end (koprogo-fleet runs list), then run the command again",
        )
    if exit_status == TAKEN:
        return Fenced(
            host,
            "this run's claim is no longer on the node; nothing was changed",
            fence=fence,
            cause=f"the node was rebuilt, or {DIRECTORY} was emptied by hand",
            next_step="run the command again: it claims the node first",
        )
    if exit_status == BUSY:
        return CommandTimeout(
            host,
            "a change is still going on" + (f", begun by the run {run}" if run else ""),
            cause="the run that began it was killed or lost its connection, and the node finishes what it was told",
            next_step=f"run the command again later; ssh {host} sudo fuser -v {DIRECTORY} shows what is going on",
        )
    return None
