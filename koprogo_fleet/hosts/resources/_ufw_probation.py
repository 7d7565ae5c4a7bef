"""
New firewall rules on probation: in force in the kernel, and in ufw's files only once a new connection came through them.

Until then a timer on the node counts down to the old ones. The files on the disk stay as they were, so that a restart
leads back to the old rules as well.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

DIRECTORY = "/var/lib/koprogo-fleet/firewall"
UNIT = "koprogo-firewall-undo"
ON_PROBATION = "probation"

LOOK = f"[ ! -e {DIRECTORY}/before/complete ] || echo '=={ON_PROBATION}'"

_FILES = ("/etc/ufw/user.rules", "/etc/ufw/user6.rules", "/etc/ufw/ufw.conf", "/etc/default/ufw")

_INSTALL = """\
install_from() {
for file in FILES; do
cp -p -- "$1/${file##*/}" "$file.koprogo-tmp"
sync -- "$file.koprogo-tmp"
mv -fT -- "$file.koprogo-tmp" "$file"
done
}""".replace("FILES", " ".join(_FILES))

_UNDO = f"""\
set -u
[ -e {DIRECTORY}/before/complete ] || exit 0
{_INSTALL}
install_from {DIRECTORY}/before
if grep -q '^ENABLED=yes' /etc/ufw/ufw.conf; then ufw reload; else ufw disable; fi
rm -rf {DIRECTORY}
echo 'nobody confirmed the new firewall rules: the old ones are back'"""

# What was right before the first unconfirmed change is what an undo leads to.
_BEGIN = f"""\
umask 077
if [ ! -e {DIRECTORY}/before/complete ]; then
rm -rf {DIRECTORY}
mkdir -p {DIRECTORY}/before
cp -p -- {" ".join(_FILES)} {DIRECTORY}/before/
: >{DIRECTORY}/before/complete
fi
rm -rf {DIRECTORY}/after
mkdir {DIRECTORY}/after
cat >{DIRECTORY}/undo <<'UNDO'
{_UNDO}
UNDO
systemctl stop {UNIT}.timer 2>/dev/null || :
systemd-run --quiet --collect --unit={UNIT} --on-active=@seconds@ --timer-property=AccuracySec=1s sh {DIRECTORY}/undo
umask 022"""

_END = f": >{DIRECTORY}/after/complete"

CONFIRM = f"""\
set -eu
systemctl stop {UNIT}.timer 2>/dev/null || :
if systemctl --quiet is-active {UNIT}.service || [ ! -e {DIRECTORY}/after/complete ]; then
echo 'too late: the node has taken its old firewall rules back' >&2; exit 1
fi
{_INSTALL}
install_from {DIRECTORY}/after
rm -rf {DIRECTORY}"""
"""sh, as root, over a connection that was made under the new rules."""

_SPLICE = """\
awk -v rules=DIRECTORY/after/listed@suffix@ '
/^### END RULES ###/ {inside = 0}
!inside
/^### RULES ###/ {while ((getline line <rules) > 0) print line; inside = 1}
' /etc/ufw/user@suffix@.rules >DIRECTORY/after/user@suffix@.rules
grep -q '^### END RULES ###' DIRECTORY/after/user@suffix@.rules
chmod 0640 DIRECTORY/after/user@suffix@.rules""".replace("DIRECTORY", DIRECTORY)


def swap(kernel: Mapping[str, str], listed: Mapping[str, str], seconds: int) -> str:
    """
    Return sh that swaps the rules of a firewall that is on: one transaction a family, in which no packet sees none.

    Args:
        kernel: by ufw's suffix of the family, what ``iptables-restore --noflush`` reads.
        listed: the same as they are in ufw's file, whose other parts stay.
        seconds: how long the node waits for the confirmation.
    """
    lines = [_begin(seconds), f"cp -p -- /etc/ufw/ufw.conf /etc/default/ufw {DIRECTORY}/after/"]
    for suffix, rules in listed.items():
        lines += [_write(rules, f"{DIRECTORY}/after/listed{suffix}"), _SPLICE.replace("@suffix@", suffix)]
    for suffix, rules in kernel.items():
        lines += [
            _write(rules, f"{DIRECTORY}/after/kernel{suffix}"),
            f"ip{suffix}tables-restore -w 10 --noflush <{DIRECTORY}/after/kernel{suffix}",
        ]
    return "\n".join([*lines, _END])


def put_in_force(files: Mapping[str, str], enable: str, seconds: int) -> str:
    """
    Return sh that has ufw load its files anew, policies and all, and then puts the old files back until the confirmation.

    Args:
        files: by ufw's suffix of the family, the whole file of the rules.
        enable: sh that makes ufw do it.
        seconds: how long the node waits for the confirmation.
    """
    lines = [_begin(seconds)]
    for suffix, content in files.items():
        path = f"/etc/ufw/user{suffix}.rules"
        lines += [
            _write(content, f"{path}.koprogo-tmp"),
            f"chmod 0640 {path}.koprogo-tmp",
            f"sync -- {path}.koprogo-tmp",
            f"mv -fT -- {path}.koprogo-tmp {path}",
        ]
    keep = f"cp -p -- {' '.join(_FILES)} {DIRECTORY}/after/"
    return "\n".join([*lines, enable, keep, _INSTALL, f"install_from {DIRECTORY}/before", _END])


def _begin(seconds: int) -> str:
    return _BEGIN.replace("@seconds@", str(seconds))


def _write(content: str, path: str) -> str:
    return f"printf %s '{base64.b64encode(content.encode()).decode()}' | base64 -d >{path}"
