"""A user of the node."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._account import UNKNOWN, check_account
from koprogo_fleet.hosts.resources._path import check_path


@dataclass(frozen=True)
class User:
    """
    The user *user* exists, or does not.

    None leaves a property as it is, or to ``useradd``'s defaults. A new user has a locked password, a group of the
    same name and, unless it is a system user, a home directory.

    Attributes:
        user: the name.
        uid: the number. A user that has another one is left to a person.
        groups: the groups besides its own: all of them, and no other.
        login_shell: the program that a login starts.
        home: the home directory; an existing one is moved there.
        system: it gets a number of the system's range, and no home directory, when it is made.
        password_locked: nobody logs in by password; keys still work. False leaves the password as it is.
        absent: no such user. Its home directory stays, and a user whose processes run cannot be removed.

    Raises:
        InputError: a name that no user or group can have, a path that is not absolute, or to remove root.
    """

    user: str
    uid: int | None = None
    groups: tuple[str, ...] | None = None
    login_shell: str | None = None
    home: str | None = None
    system: bool = False
    password_locked: bool = True
    absent: bool = False

    def __post_init__(self) -> None:
        check_account("user", self.user)
        for group in self.groups or ():
            check_account("group", group)
        for path in (self.login_shell, self.home):
            if path is not None:
                check_path(path)
                if ":" in path:
                    raise InputError(f"a path in /etc/passwd cannot hold a colon: {path!r}")
        if self.absent and self.user == "root":
            raise InputError("refusing to remove the user root")

    @property
    def name(self) -> str:
        """The word user and its name."""
        return f"user {self.user}"

    def look(self) -> str:
        """Print the entry, whether the password is locked (never the password), its own group, and all its groups."""
        return (
            f"getent passwd {self.user} || exit\n"
            f"passwd --status {self.user} | cut -d ' ' -f 2\n"
            f"id --group --name {self.user}\nid --groups --name {self.user}"
        )

    def decide(self, fact: Fact) -> Decision:
        """Make it, change what differs, or remove it."""
        if fact.exit_status == UNKNOWN:
            return Unchanged() if self.absent else self._create()
        if self.absent:
            return Change((Difference(Operation.DELETE, self.name),), f"userdel -- {self.user}")
        try:
            entry, password, own_group, groups = fact.text.splitlines()
        except ValueError:
            return Refused(f"user {self.user} is known to the node, but is not in its own /etc/passwd and /etc/shadow")
        _, _, uid, _, _, home, shell = entry.split(":")
        if self.uid not in {None, int(uid)}:
            return Refused(
                f"user {self.user} has the number {uid}, not {self.uid}: files outside its home would be left to nobody",
                next_step=f"on the node: usermod --uid {self.uid} {self.user}, then chown its files",
            )
        others = " ".join(sorted(set(groups.split()) - {own_group}))
        wanted = None if self.groups is None else " ".join(sorted(set(self.groups) - {own_group}))
        return self._modify(
            ("shell", shell, self.login_shell, f"--shell {shlex.quote(self.login_shell or '')}"),
            ("home", home, self.home, f"--home {shlex.quote(self.home or '')} --move-home"),
            ("groups", others, wanted, f"--groups {shlex.quote((wanted or '').replace(' ', ','))}"),
            ("password", _LOCK.get(password, password), "locked" if self.password_locked else None, "--lock"),
        )

    def _modify(self, *properties: tuple[str, str, str | None, str]) -> Decision:
        due = [(what, old, new, option) for what, old, new, option in properties if new is not None and old != new]
        if not due:
            return Unchanged()
        differences = tuple(
            Difference(Operation.CHANGE, f"{what} of {self.name}", old=old, new=new) for what, old, new, _ in due
        )
        return Change(differences, f"usermod {' '.join(option for *_, option in due)} -- {self.user}")

    def _create(self) -> Change:
        options = ["--system", "--no-create-home"] if self.system else ["--create-home"]
        if self.uid is not None:
            options.append(f"--uid {self.uid:d}")
        if self.groups:
            options.append(f"--groups {','.join(self.groups)}")
        if self.login_shell is not None:
            options.append(f"--shell {shlex.quote(self.login_shell)}")
        if self.home is not None:
            options.append(f"--home-dir {shlex.quote(self.home)}")
        # useradd refuses to make a group that is there; an earlier step may have made it.
        own_group = f"if getent group {self.user} >/dev/null; then own='--gid {self.user}'; else own=--user-group; fi"
        script = f"{own_group}\nuseradd $own {' '.join(options)} -- {self.user}"
        return Change((Difference(Operation.CREATE, self.name),), script)


_LOCK = {"L": "locked", "P": "usable", "NP": "none needed"}
