"""What is mounted at a place now, and what /etc/fstab says for after a reboot."""

from __future__ import annotations

import re

from koprogo_fleet.core.errors import InputError

_LOOK = """\
while read -r spec point kind options rest; do
  case $spec in "#"*) continue ;; esac
  if [ "$point" = @point@ ]; then echo "FSTAB=$spec $kind $options"; fi
done </etc/fstab
for entry in @point@/* @point@/.[!.]*; do
  if [ -e "$entry" ]; then echo FILES=yes; break; fi
done
exit 0"""

_LIST = """\
[ -e /etc/fstab ] || : >/etc/fstab
awk '$1 ~ /^#/ || $2 != "@point@"' /etc/fstab >/etc/.fstab.koprogo-tmp
@add@
chmod --reference=/etc/fstab -- /etc/.fstab.koprogo-tmp
sync -- /etc/.fstab.koprogo-tmp
mv -fT -- /etc/.fstab.koprogo-tmp /etc/fstab
[ ! -d /run/systemd/system ] || systemctl daemon-reload"""


def check_field(text: str) -> None:
    """Raise InputError unless *text* can stand in /etc/fstab, and in sh, as it is."""
    if not re.fullmatch(r"[A-Za-z0-9/._:+@=,-]+", text):
        raise InputError(f"not a plain word for /etc/fstab: {text!r}")


def look_at_mount_point(point: str) -> str:
    """Return sh that prints ``FSTAB=source kind options`` and, if anything is in it, ``FILES=yes``; it exits."""
    return _LOOK.replace("@point@", point)


def list_script(point: str, line: str = "") -> str:
    """Return sh that makes *line*, in which variables are replaced, the only one for *point* in /etc/fstab."""
    add = f'echo "{line}" >>/etc/.fstab.koprogo-tmp' if line else ":"
    return _LIST.replace("@point@", point).replace("@add@", add)


def mount_script(point: str) -> str:
    """Return sh that mounts at *point* what /etc/fstab says, unless something is mounted there."""
    return f"mkdir -p -- {point}\nmountpoint -q -- {point} || mount -- {point}"
