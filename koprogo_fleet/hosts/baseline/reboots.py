"""
Restarts that upgrades ask for: each node in minutes of its own, a server only while every etcd member is well.

The window of fleet.yaml is cut into as many parts as there are nodes, one after the other, servers first. A node looks at
the start of its part, and restarts if it has to. So two nodes never begin together; and since a server asks all members
of etcd first, none goes down while another has not come back.
"""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.fleet import Fleet, Node, RebootWindow, Role
from koprogo_fleet.core.sections import minute_of_day
from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File, Service, Timer

TIMER = "koprogo-reboot"
PROGRAM = "/usr/local/sbin/koprogo-reboot"
ASKED_FOR = "/run/reboot-required"
"""What Debian's packages leave behind that want a restart (unattended-upgrades' hook for kernels does)."""

LATEST_MINUTES = 5
"""So long after the start of its part a node still restarts: one that was suspended meanwhile waits for the next time."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_MINUTES = 24 * 60

_SCRIPT = """\
#!/bin/sh
@header@# Restarts this node if an upgrade asks for it, in the minutes that are this node's alone.
set -eu
say() { echo "koprogo-reboot: $*"; exit 0; }
[ -e @asked_for@ ] || say 'nothing asks for a restart'
in_time() { [ $(( ($(date -u +%s) / 60 - @start@ + 2880) % 1440 )) -lt @latest@ ]; }
in_time || say 'not now: these minutes are another node'\\''s'
@check@
in_time || say 'too late: these minutes are another node'\\''s'
echo 'koprogo-reboot: restarting, as an upgrade asks for it:'
cat @asked_for@.pkgs 2>/dev/null || :
systemctl reboot
"""

_ETCD = """\
for member in @members@; do
  health=$(curl --silent --max-time 10 --cacert @tls@/server-ca.crt --cert @tls@/server-client.crt \\
    --key @tls@/server-client.key "https://$member:2379/health") || health='no answer'
  case $health in
    *'"health":"true"'*) ;;
    *) say "etcd on $member is not well ($health): no restart while a member is missing" ;;
  esac
done"""


@dataclass(frozen=True)
class Part:
    """The minutes of one node: from *start*, minutes after midnight in UTC; *days_later* than the window's days."""

    start: int
    days_later: int
    minutes: int


def part_of(window: RebootWindow, nodes: int, index: int) -> Part:
    """Return the part of node *index* of so many *nodes*."""
    minutes = window.minutes // nodes
    days_later, start = divmod(minute_of_day(window.start) + index * minutes, _DAY_MINUTES)
    return Part(start, days_later, minutes)


def calendar(window: RebootWindow, part: Part) -> str:
    """Return when the part begins, as systemd.time(7) has it."""
    wanted = {(_DAYS.index(day.title()) + part.days_later) % len(_DAYS) for day in window.days}
    days = ",".join(day for index, day in enumerate(_DAYS) if index in wanted)
    return f"{days} *-*-* {part.start // 60:02d}:{part.start % 60:02d}:00 UTC"


def script(fleet: Fleet, node: Node, part: Part) -> str:
    """Return the program that looks, and restarts."""
    members = " ".join(str(server.vrack_address) for server in fleet.servers)
    check = _ETCD.replace("@members@", members).replace("@tls@", paths.ETCD_TLS)
    words = {
        "@header@": HEADER,
        "@asked_for@": ASKED_FOR,
        "@start@": str(part.start),
        "@latest@": str(min(LATEST_MINUTES, part.minutes)),
        "@check@": check if node.role is Role.SERVER else ":",
    }
    text = _SCRIPT
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def reboots(fleet: Fleet, node: Node) -> tuple[Resource, ...]:
    """Return the node's timer; without a window in fleet.yaml a node never restarts by itself."""
    window = fleet.hardening.reboot
    if window is None:
        return (Service(f"{TIMER}.timer", running=False, enabled=False),)
    names = [one.name for one in fleet.nodes]
    part = part_of(window, len(names), names.index(node.name))
    return (
        File(PROGRAM, script(fleet, node, part), mode="0755"),
        Timer(
            TIMER,
            calendar(window, part),
            PROGRAM,
            description="Restart that an upgrade asks for",
            persistent=False,
        ),
    )
