"""Something mounted, now and after a reboot."""

from __future__ import annotations

import re
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._fstab import check_field, list_script, look_at_mount_point, mount_script
from koprogo_fleet.hosts.resources._path import check_path

_LOOK = """\
source=@source@
case $source in *=*) found=$(blkid --list-one --output device --match-token "$source") && source=$found ;; esac
case $source in /dev/*) source=$(readlink -f -- "$source") ;; esac
while read -r id parent device root point options rest; do
  if [ "$point" = @target@ ]; then
    rest=${rest#*- }; now=${rest#* }; now=${now%% *}
    case $now in /dev/*) now=$(readlink -f -- "$now") ;; esac
    [ "$now" = "$source" ] && same=yes || same=no
    mounted="MOUNTED=$same $now ${rest%% *} $options"
  fi
done </proc/self/mountinfo
[ -z "${mounted-}" ] || printf '%s\\n' "$mounted"
if [ @source@ -ef @target@ ]; then echo BOUND=yes; fi
"""
_ACCESS = {"ro", "nosuid", "nodev", "noexec"}


@dataclass(frozen=True)
class Mount:
    """
    *source* is mounted at *target*, now and, by /etc/fstab, after a reboot; or it is not.

    For a disk of the node's own, to be formatted when it is empty, there is :class:`Disk`.

    Attributes:
        source: a device, ``UUID=…``, ``LABEL=…``, a server's export, "tmpfs", or a directory (``options="bind"``).
        target: where; made if missing, and must be empty as long as nothing is mounted there.
        fs: "ext4", "nfs", "tmpfs", "none" for a directory that is bound.
        options: as in /etc/fstab. Other ones are set without taking the mount away.
        absent: nothing is mounted there, and /etc/fstab has no line for it; *source* and *fs* do not matter then.

    Raises:
        InputError: a value that cannot stand in /etc/fstab as it is.
    """

    source: str
    target: str
    fs: str
    options: str = "defaults"
    absent: bool = False

    def __post_init__(self) -> None:
        check_path(self.target)
        for text in (self.source, self.target, self.options):
            check_field(text)
        if not re.fullmatch(r"[a-z0-9._-]+", self.fs):
            raise InputError(f"not a kind of file system: {self.fs!r}")

    @property
    def name(self) -> str:
        """What it is, with its mount point."""
        return f"mount at {self.target}"

    def look(self) -> str:
        """Print what is mounted there, and what /etc/fstab says."""
        return _LOOK.replace("@source@", self.source).replace("@target@", self.target) + look_at_mount_point(
            self.target
        )

    def decide(self, fact: Fact) -> Decision:
        """Mount, remount with other options, or refuse to hide or replace what is there."""
        facts = dict(line.split("=", 1) for line in fact.text.splitlines() if "=" in line)
        listed = facts.get("FSTAB", "")
        if self.absent:
            return self._remove(listed, mounted="MOUNTED" in facts)
        if reason := self._objection(facts):
            return Refused(reason, next_step=f"on the node: findmnt {self.target}; ls -la {self.target}")
        differences, script = [], []
        wanted = f"{self.source} {self.fs} {self.options}"
        if listed != wanted:
            place = f"{self.target} in /etc/fstab"
            differences.append(Difference(Operation.CHANGE, place, old=listed or "absent", new=wanted))
            script.append(list_script(self.target, f"{self.source} {self.target} {self.fs} {self.options} 0 0"))
        if "MOUNTED" not in facts:
            differences.append(Difference(Operation.CREATE, f"mount of {self.source} at {self.target}"))
            script.append(mount_script(self.target))
        elif listed != wanted or not self._allows(facts["MOUNTED"].split()[-1]):
            if listed == wanted:
                now = facts["MOUNTED"].split()[-1]
                differences.append(Difference(Operation.CHANGE, f"options of {self.name}", old=now, new=self.options))
            bind = ",bind" if self._is_bound() else ""
            script.append(f"mount -o remount{bind},{self.options} -- {self.target}")
        return Change(tuple(differences), "\n".join(script)) if differences else Unchanged()

    def _allows(self, now: str) -> bool:
        wanted, live = (_ACCESS & set(options.split(",")) for options in (self.options, now))
        return wanted <= live and ("ro" in wanted or "ro" not in live)

    def _is_bound(self) -> bool:
        return bool({"bind", "rbind"} & set(self.options.split(",")))

    def _objection(self, facts: dict[str, str]) -> str:
        if "MOUNTED" not in facts:
            return f"{self.target} has files, which the mount would hide" if "FILES" in facts else ""
        same, now, kind, _ = facts["MOUNTED"].split(" ", 3)
        # A bound directory shows as its own device; a file system of a type may show as another one (nfs as nfs4).
        is_ours = "BOUND" in facts if self._is_bound() else same == "yes"
        return "" if is_ours else f"{now} ({kind}) is mounted at {self.target}, not {self.source}"

    def _remove(self, listed: str, *, mounted: bool) -> Decision:
        differences, script = [], []
        if listed:
            differences.append(Difference(Operation.DELETE, f"{self.target} in /etc/fstab", old=listed))
            script.append(list_script(self.target))
        if mounted:
            differences.append(Difference(Operation.DELETE, self.name))
            script.append(f"umount -- {self.target}")
        return Change(tuple(differences), "\n".join(script)) if differences else Unchanged()
