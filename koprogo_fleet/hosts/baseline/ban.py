"""
fail2ban's jail for sshd: who fails to log in too often is shut out for a while, by a table of nftables of fail2ban's own.

The controller is never banned, nor are its peers in the vRack and whom fleet.yaml names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, ip_address

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.questions import Question
from koprogo_fleet.hosts.resource import Decision, Fact
from koprogo_fleet.hosts.resources import File

RELOAD_FAIL2BAN = "reload fail2ban"
RELOAD_SCRIPT = "fail2ban-client --test >/dev/null\nsystemctl reload-or-restart fail2ban"
PACKAGES = ("fail2ban", "python3-systemd")
"""python3-systemd: Debian 12 has no auth.log, sshd's lines are in the journal alone."""

PATH = "/etc/fail2ban/jail.d/koprogo.local"
FIND_MINUTES = 10

# sudo forgets who logged in; the shell that sudo was started from has not.
_WHO_ASKS = r"""
pid=$$ asks=
while [ "${pid:-0}" -gt 1 ] && [ -z "$asks" ]; do
  asks=$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^SSH_CONNECTION=\([^ ]*\) .*/\1/p')
  parent=0
  while read -r key value; do [ "$key" != PPid: ] || { parent=$value; break; }; done <"/proc/$pid/status"
  pid=$parent
done 2>/dev/null
echo "$asks"
"""


@dataclass(frozen=True)
class SshJail:
    """
    The jail for sshd, which spares whoever looks at the node: the controller, or the host that it jumps through.

    Attributes:
        tries: failed logins within :data:`FIND_MINUTES` that are too many.
        minutes: how long the address is banned then.
        spared: networks that are never banned.
    """

    tries: int
    minutes: int
    spared: tuple[IPv4Network, ...]

    @property
    def name(self) -> str:
        """What it is."""
        return "fail2ban jail sshd"

    def look(self) -> str:
        """Print from where this session comes, and look at the file."""
        return f"{_WHO_ASKS}{self._file('').look()}"

    def questions(self) -> Iterable[Question]:
        """Ask about the file."""
        return self._file("").questions()

    def decide(self, fact: Fact) -> Decision:
        """Compare the file with the one that spares this session, too."""
        who, _, file = fact.stdout.partition(b"\n")
        return self._file(who.decode()).decide(Fact(fact.exit_status, file))

    def _file(self, controller: str) -> File:
        spared = ["127.0.0.0/8", "::1", *map(str, self.spared)]
        if controller and not self._covers(controller):
            spared.append(controller)
        content = (
            f"{HEADER}[sshd]\nenabled = true\nbackend = systemd\n"
            # Where only keys are let in, a guesser is one who hangs up, again and again: that counts, too.
            "mode = aggressive\nbanaction = nftables[type=allports]\n"
            f"maxretry = {self.tries}\nfindtime = {FIND_MINUTES}m\nbantime = {self.minutes}m\n"
            f"ignoreself = true\nignoreip = {' '.join(spared)}\n"
        )
        return File(PATH, content, notify=(RELOAD_FAIL2BAN,))

    def _covers(self, address: str) -> bool:
        found = ip_address(address.partition("%")[0])
        if isinstance(found, IPv6Address):
            return False
        return any(found in network for network in self.spared)


def jail(fleet: Fleet) -> SshJail:
    """Return the jail; it stands before the package, which starts at once: Debian's own jail fails without an auth.log."""
    words = fleet.hardening
    spared = tuple(dict.fromkeys((fleet.network.vrack, *words.never_banned)))
    return SshJail(words.ban.tries, words.ban.minutes, spared)
