"""No swap: the kubelet refuses to start with it."""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts.resource import Change, Decision, Fact, NotApplicable, Unchanged

_LOOK = """\
[ ! -e /run/systemd/container ] || echo container
while read -r device kind rest; do
  [ "$device" = Filename ] || echo "active $device"
done </proc/swaps
[ ! -e /etc/fstab ] || while read -r device point kind rest; do
  case $device in "#"*) continue ;; esac
  if [ "$kind" = swap ]; then echo "listed $device"; fi
done </etc/fstab
"""

_UNLIST = """\
awk '$1 !~ /^#/ && $3 == "swap" {$0 = "# by koprogo-fleet: " $0} {print}' /etc/fstab >/etc/.fstab.koprogo-tmp
sync -- /etc/.fstab.koprogo-tmp
mv -fT -- /etc/.fstab.koprogo-tmp /etc/fstab
systemctl daemon-reload"""


@dataclass(frozen=True)
class SwapOff:
    """No swap is in use, and none comes back with a reboot: its lines in /etc/fstab become comments."""

    @property
    def name(self) -> str:
        """What it is."""
        return "swap"

    def look(self) -> str:
        """Print what is in use and what is listed."""
        return _LOOK

    def decide(self, fact: Fact) -> Decision:
        """Switch it off; a container cannot, and sees its host's."""
        lines = fact.text.splitlines()
        in_container = "container" in lines
        active = [line.split()[1] for line in lines if line.startswith("active ")]
        listed = [line.split()[1] for line in lines if line.startswith("listed ")]
        reason = f"{', '.join(active)} belongs to the host of this container" if in_container and active else ""
        differences = [Difference(Operation.DELETE, f"swap {device} in /etc/fstab") for device in listed]
        script = [_UNLIST] if listed else []
        if active and not in_container:
            differences += [
                Difference(Operation.CHANGE, f"swap {device}", old="in use", new="off") for device in active
            ]
            script.append("swapoff --all")
        if differences:
            return Change(tuple(differences), "\n".join(script), not_applicable=reason)
        return NotApplicable(reason) if reason else Unchanged()
