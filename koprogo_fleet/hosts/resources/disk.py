"""A disk with a file system, mounted now and after a reboot."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Literal

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._fstab import check_field, list_script, look_at_mount_point, mount_script
from koprogo_fleet.hosts.resources._path import ABSENT, check_path

_LOOK = """\
[ -b @device@ ] || exit @absent@
device=$(readlink -f -- @device@)
number=$(stat -c '%Hr:%Lr' -- "$device")
echo "DEVICE=$device"
blkid --probe --output export -- "$device" | grep -E '^(TYPE|UUID|PTTYPE)='
blkid --probe -- "$device" >/dev/null; echo "PROBE=$?"
while read -r id parent where root point rest; do
  if [ "$where" = "$number" ] && [ "$point" != @mount@ ]; then echo "ELSEWHERE=$point"; fi
  if [ "$where" = "$number" ] && [ "$point" = @mount@ ]; then echo "MOUNTED=yes"; fi
  if [ "$where" != "$number" ] && [ "$point" = @mount@ ]; then echo "OCCUPIED=$where"; fi
done </proc/self/mountinfo
"""

_UUID = """\
uuid=$(blkid --probe --match-tag UUID --output value -- "$device")
[ -n "$uuid" ]
"""

_OPTIONS = "defaults,nofail"


@dataclass(frozen=True)
class Disk:
    """
    The disk *device* holds one file system, which is mounted at *mount_point*.

    It is formatted only if there is nothing at all on it. It is mounted by its UUID, with ``nofail``: a node whose disk
    is lost still boots and can be looked at.

    Attributes:
        device: a name that does not change, as ``/dev/disk/by-id/…``.
        mount_point: made if missing; must be empty as long as nothing is mounted there.
        fs: its file system.
        label: the file system's label, given when it is made.

    Raises:
        InputError: a path that is not absolute and plain, or a label that is too long.
    """

    device: str
    mount_point: str
    fs: Literal["ext4", "xfs"] = "ext4"
    label: str = ""

    def __post_init__(self) -> None:
        for path in (self.device, self.mount_point):
            check_path(path)
            check_field(path)
        if not re.fullmatch(r"[A-Za-z0-9._-]{0,12}", self.label):
            raise InputError(f"not a label of at most 12 letters: {self.label!r}")

    @property
    def name(self) -> str:
        """What it is, with its mount point."""
        return f"disk at {self.mount_point}"

    def look(self) -> str:
        """Print what is on it, where it is mounted, and what /etc/fstab says."""
        look = _LOOK.replace("@device@", self.device).replace("@absent@", str(ABSENT))
        return look.replace("@mount@", self.mount_point) + look_at_mount_point(self.mount_point)

    def decide(self, fact: Fact) -> Decision:
        """Format, mount, or refuse."""
        if fact.exit_status == ABSENT:
            return Refused(
                f"there is no disk {self.device}",
                next_step="is the volume attached? On the node: ls -l /dev/disk/by-id",
            )
        facts = dict(line.split("=", 1) for line in fact.text.splitlines() if "=" in line)
        if reason := self._objection(facts):
            return Refused(reason, next_step=f"on the node: lsblk --fs {self.device}; findmnt {self.mount_point}")
        device = facts["DEVICE"]
        differences, script = [], [f"device={shlex.quote(device)}"]
        if "TYPE" not in facts:
            label = f" -L {self.label}" if self.label else ""
            differences.append(Difference(Operation.CREATE, f"file system {self.fs} on {self.device}"))
            script.append(f'mkfs.{self.fs} -q{label} -- "$device" </dev/null')
        if "MOUNTED" not in facts:
            differences.append(Difference(Operation.CREATE, f"mount of {self.device} at {self.mount_point}"))
        listed, wanted = facts.get("FSTAB", ""), f"UUID={facts.get('UUID', '…')} {self.fs} {_OPTIONS}"
        if listed != wanted:
            differences.append(
                Difference(Operation.CHANGE, f"{self.mount_point} in /etc/fstab", old=listed or "absent", new=wanted)
            )
        if not differences:
            return Unchanged()
        script += [_UUID, list_script(self.mount_point, f"UUID=$uuid {self.mount_point} {self.fs} {_OPTIONS} 0 2")]
        script.append(mount_script(self.mount_point))
        return Change(tuple(differences), "\n".join(script))

    def _objection(self, facts: dict[str, str]) -> str:
        device, fs, probe = self.device, facts.get("TYPE"), facts.get("PROBE")
        objections = (
            ("PTTYPE" in facts, f"{device} has a partition table ({facts.get('PTTYPE')}): something else uses it"),
            (probe not in {"0", "2"}, f"what is on {device} cannot be told (blkid ends with {probe})"),
            (fs not in {None, self.fs}, f"{device} holds {fs}, not {self.fs}: it is not formatted over"),
            (fs is None and probe == "0", f"{device} is not empty, and holds no file system"),
            ("ELSEWHERE" in facts, f"{device} is mounted at {facts.get('ELSEWHERE')}"),
            ("OCCUPIED" in facts, f"another disk is mounted at {self.mount_point}"),
            ("FILES" in facts and "MOUNTED" not in facts, f"{self.mount_point} has files, which the mount would hide"),
        )
        return next((text for applies, text in objections if applies), "")
