"""Who may log in as a user, by SSH key."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._account import UNKNOWN, check_account

_KEY = re.compile(
    r"""(?:(?P<options>(?:[^\s"]|"(?:\\.|[^"\\])*")+)\s+)?"""
    r"(?P<kind>(?:sk-)?(?:ssh|ecdsa)-\S+)\s+(?P<blob>AAAA[A-Za-z0-9+/]+=*)(?:\s+(?P<comment>.*))?"
)

_LOOK = """\
entry=$(getent passwd USER) || exit
home=$(printf '%s\\n' "$entry" | cut -d : -f 6)
for path in "$home/.ssh" "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"; do
  stat -c '%F|%a|%U' -- "$path" 2>/dev/null || echo 'nothing||'
done
path=$home/.ssh/authorized_keys
[ -f "$path" ] && [ ! -L "$path" ] && cat <"$path"
exit 0"""

_WRITE = """\
entry=$(getent passwd USER)
home=$(printf '%s\\n' "$entry" | cut -d : -f 6)
group=$(printf '%s\\n' "$entry" | cut -d : -f 4)
[ -d "$home" ] || { echo "the home directory $home of USER is not there" >&2; exit 1; }
[ ! -d "$home/.ssh" ] || chown --no-dereference -- USER: "$home/.ssh"
# As the user: in a directory of theirs, root could be led astray by a link.
printf %s 'CONTENT' | base64 -d | setpriv --reuid USER --regid "$group" --init-groups -- sh -euc '
umask 077
cd -- "$1"
[ -d .ssh ] || mkdir .ssh
chmod 0700 .ssh
cd .ssh
rm -f .authorized_keys.koprogo-tmp
set -C
cat >.authorized_keys.koprogo-tmp
sync .authorized_keys.koprogo-tmp
mv -fT .authorized_keys.koprogo-tmp authorized_keys
SECOND' sh "$home"
"""


@dataclass(frozen=True)
class AuthorizedKeys:
    """
    These SSH keys log in as *user*; written by the user's own rights, 0600.

    Attributes:
        user: whose; the user may be made by an earlier resource.
        keys: lines as in authorized_keys; options (``from="10.0.0.0/24"``) belong to them.
        exclusive: no other key: one that is not in *keys* is removed, and so is the old file authorized_keys2, which
            sshd reads too. False leaves the other lines as they are.

    Raises:
        InputError: a name that no user can have, or something that is no public key.
    """

    user: str
    keys: tuple[str, ...]
    exclusive: bool = True

    def __post_init__(self) -> None:
        check_account("user", self.user)
        for number, key in enumerate(self.keys, start=1):
            # Not shown: it may be a private key, by mistake.
            if "\n" in key.strip() or not _KEY.fullmatch(key.strip()):
                raise InputError(
                    f"key {number} of user {self.user} is no public SSH key",
                    next_step='give one line of a .pub file, as in "ssh-ed25519 AAAA… alice"',
                )

    @property
    def name(self) -> str:
        """The words and the user's name."""
        return f"authorized keys of {self.user}"

    def look(self) -> str:
        """Print the owners and permissions, and the file."""
        return _LOOK.replace("USER", self.user)

    def decide(self, fact: Fact) -> Decision:
        """Compare key by key, then the owners and permissions."""
        if fact.exit_status == UNKNOWN:
            directory, file, second, content = "nothing||", "nothing||", "nothing||", ""
        else:
            text = fact.stdout.decode(errors="surrogateescape")
            directory, file, second, content = text.split("\n", 3)
        wanted = [key.strip() for key in self.keys]
        if not self.exclusive and file.split("|")[0] not in {"nothing", "regular file", "regular empty file"}:
            return Refused(f"authorized_keys of {self.user} is a {file.split('|')[0]}: what it holds is not known")
        present = content.removesuffix("\n").split("\n") if content else []
        differences = [*self._key_differences(wanted, present)]
        differences += self._status_differences(directory, f"directory|700|{self.user}", "directory .ssh")
        kinds = {f"regular file|600|{self.user}", f"regular empty file|600|{self.user}"}
        if file not in kinds:
            differences += self._status_differences(file, f"regular file|600|{self.user}", "file authorized_keys")
        if self.exclusive and not second.startswith("nothing"):
            differences.append(Difference(Operation.DELETE, f"file authorized_keys2 of {self.user}"))
        if not differences:
            return Unchanged()
        ours = {_identity(key) for key in wanted}
        others = [] if self.exclusive else [line for line in present if _identity(line) not in ours]
        return Change(tuple(differences), self._script([*others, *wanted]))

    def _key_differences(self, wanted: list[str], present: list[str]) -> list[Difference]:
        differences = []
        for key in wanted:
            # All of them: of a key that is there twice, sshd takes the options of the first.
            found = [line for line in present if _identity(line) == _identity(key)]
            if not found:
                differences.append(Difference(Operation.CREATE, f"key {_shown(key)} of {self.user}"))
            elif set(found) != {key}:
                differences.append(Difference(Operation.CHANGE, f"options of key {_shown(key)} of {self.user}"))
        if self.exclusive:
            ours = {_identity(key) for key in wanted}
            others = (line for line in present if line.strip() and _identity(line) not in ours)
            differences += [Difference(Operation.DELETE, f"key {_shown(line)} of {self.user}") for line in others]
        return differences

    def _status_differences(self, now: str, wanted: str, what: str) -> list[Difference]:
        if now == wanted:
            return []
        if now.startswith("nothing"):
            return [Difference(Operation.CREATE, f"{what} of {self.user}")]
        shown, desired = (status.replace("|", " ") for status in (now, wanted))
        return [Difference(Operation.CHANGE, f"{what} of {self.user}", old=shown, new=desired)]

    def _script(self, lines: list[str]) -> str:
        content = "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
        second = "rm -f authorized_keys2" if self.exclusive else ":"
        script = _WRITE.replace("USER", self.user).replace("SECOND", second)
        return script.replace("CONTENT", base64.b64encode(content).decode())


def _identity(line: str) -> str:
    """Return what makes a key that key: neither its options nor its comment."""
    match = _KEY.fullmatch(line.strip())
    return f"{match['kind']} {match['blob']}" if match else line


def _shown(line: str) -> str:
    match = _KEY.fullmatch(line.strip())
    if not match:
        return "(a line that is no key)"
    text = f"{match['comment'] or match['kind']} (…{match['blob'].rstrip('=')[-8:]})"
    return "".join(character if character.isprintable() else "?" for character in text)
