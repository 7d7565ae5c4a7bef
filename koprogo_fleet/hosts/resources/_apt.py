"""apt and dpkg without a person: they ask nothing, and wait for others who use them."""

from __future__ import annotations

LOCK_SECONDS = 240
"""How long another user of apt is waited for, by default."""

_APT = """\
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
log=$(mktemp /run/koprogo-apt.XXXXXXXX)
trap 'rm -f -- "$log"' EXIT
waited=0
patiently() {
  until "$@" >"$log" 2>&1; do
    grep -qE 'Could not get lock|Unable to lock|locked by another process' "$log" || return 100
    if [ "$waited" -ge LOCK_SECONDS ]; then name_owner >>"$log"; return 100; fi
    sleep 2; waited=$((waited + 2))
  done
}
name_owner() {
  pid=$(sed -nE 's/.*(held by process|with pid) ([0-9]+).*/\\2/p' "$log" | head -n 1)
  command=$(tr '\\0' ' ' <"/proc/${pid:-none}/cmdline" | cut -c -200) || command='(it has ended)'
  echo "waited $waited s for another user of apt: process ${pid:-unknown}: $command"
} 2>/dev/null
apt() {
  patiently apt-get --quiet=2 --assume-yes --no-install-recommends --option Acquire::Retries=3 \\
    --option Acquire::http::Timeout=30 --option Dpkg::Use-Pty=0 --option Dpkg::Options::=--force-confdef \\
    --option Dpkg::Options::=--force-confold "$@"
}
fail() { tail -n 20 "$log" >&2; exit 100; }
"""


def with_apt(script: str, lock_seconds: int = LOCK_SECONDS) -> str:
    """
    Return *script* with what it may use before it.

    ``apt`` (apt-get) and ``patiently COMMAND`` wait for up to *lock_seconds* in all; ``fail`` ends the step with what
    was said last, which after a wait names the other's process and command; ``$log`` holds all of that.
    """
    return _APT.replace("LOCK_SECONDS", str(lock_seconds)) + script
