"""
Who may log in beside the fleet's own user, and who may not any more.

People are known by their group: one of it whom fleet.yaml names no more loses the keys, the rights and the login. The
account and its files stay, so that nobody else is given its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.fleet import Fleet, Person
from koprogo_fleet.hosts.baseline.names import HEADER
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Resource, Unchanged
from koprogo_fleet.hosts.resources import Absent, AuthorizedKeys, File, Group, User

GROUP = "koprogo-people"
SUDO_GROUP = "koprogo-sudo"
SHELL = "/bin/bash"
LOCKED_SHELL = "/usr/sbin/nologin"
SUDOERS = "/etc/sudoers.d/60-koprogo-people"
FIRST_UID = 1000

_LOOK = """\
for person in $(getent group @group@ | cut -d : -f 4 | tr ',' ' ') @names@; do
  entry=$(getent passwd "$person") || continue
  uid=$(echo "$entry" | cut -d : -f 3); home=$(echo "$entry" | cut -d : -f 6)
  expires=$(getent shadow "$person" | cut -d : -f 8)
  member=no; case " $(id -Gn "$person") " in *' @group@ '*) member=yes ;; esac
  sudo=no; case " $(id -Gn "$person") " in *' @sudo@ '*) sudo=yes ;; esac
  keys=no
  for file in "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"; do [ ! -s "$file" ] || keys=yes; done
  running=no; ! pgrep -U "$uid" >/dev/null || running=yes
  echo "$person $uid ${expires:-never} $member $sudo $keys $running"
done"""

_LEAVE = """\
home=$(getent passwd @name@ | cut -d : -f 6)
rm -f -- "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"
usermod --lock --expiredate 1 --shell @nologin@ --groups @group@ -- @name@
loginctl terminate-user @name@ 2>/dev/null || :
pkill -KILL -U "$(id -u @name@)" || :"""


@dataclass(frozen=True)
class Logins:
    """
    Of the members of the group of people only those *present* may log in; an account that was closed opens again.

    An account that is not theirs (the system's own, or one that somebody made by hand) is left to a person.
    """

    present: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is."""
        return "logins of people"

    def look(self) -> str:
        """Print each account: number, end, whether it is in the groups, has keys, and runs anything."""
        return _LOOK.replace("@group@", GROUP).replace("@sudo@", SUDO_GROUP).replace("@names@", " ".join(self.present))

    def decide(self, fact: Fact) -> Decision:
        """Close and open accounts."""
        accounts = {line.split()[0]: line.split()[1:] for line in fact.text.splitlines()}
        differences, script = [], []
        for name, (uid, expires, member, *signs_of_life) in accounts.items():
            closed = expires != "never"
            if name in self.present and (member == "no" or int(uid) < FIRST_UID):
                return Refused(
                    f"the account {name} is there already, and is no person's of fleet.yaml",
                    next_step=f"give {name} another name in people:, or, if it is theirs: usermod -aG {GROUP} {name}",
                )
            if name in self.present and closed:
                differences.append(Difference(Operation.CHANGE, f"login of {name}", old="closed", new="open"))
                script.append(f"usermod --expiredate '' -- {name}")
            if name not in self.present and (not closed or "yes" in signs_of_life):
                differences.append(Difference(Operation.DELETE, f"login of {name}, with all keys"))
                leave = _LEAVE.replace("@name@", name).replace("@group@", GROUP).replace("@nologin@", LOCKED_SHELL)
                script.append(leave)
        return Change(tuple(differences), "\n".join(script)) if differences else Unchanged()


def people(fleet: Fleet) -> tuple[Resource, ...]:
    """Return the accounts of those who are in fleet.yaml, and the end of those who were."""
    present = tuple(person.name for person in fleet.people)
    first: tuple[Resource, ...] = (Group(GROUP, system=True), Logins(present))
    return (*first, *(resource for person in fleet.people for resource in _person(person)), *_sudo(fleet))


def _person(person: Person) -> Iterator[Resource]:
    groups = (GROUP, *((SUDO_GROUP,) if person.sudo else ()))
    if person.sudo:
        yield Group(SUDO_GROUP, system=True)
    yield User(person.name, groups=groups, login_shell=SHELL)
    yield AuthorizedKeys(person.name, person.keys)


def _sudo(fleet: Fleet) -> Iterator[Resource]:
    if any(person.sudo for person in fleet.people):
        rule = f"%{SUDO_GROUP} ALL=(ALL:ALL) NOPASSWD: ALL\n"
        yield File(SUDOERS, HEADER + rule, mode="0440", validate="visudo -cf %s")
    else:
        yield Absent(SUDOERS)
