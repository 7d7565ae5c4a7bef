"""Root through a real sudo: passwords, lectures, other languages, terminals, and rights that go away."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from real_sshd import Sshd, running_sshd, sshd_program

from koprogo_fleet.core.errors import LoginRefused
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ssh.connection import connect
from koprogo_fleet.ssh.session import Completed, Session

PASSWORD = "pass-canary '\"$(id)`id`\\ %p {{x}} é\U0001f600 -n"
BINARY = bytes(range(256)) * 4096
ECHO = "cat; printf '\\377err' >&2; exit 3"


@dataclass(frozen=True)
class Person:
    """A user of this machine who lives for one test, and the sudoers file about them."""

    name: str
    sshd: Sshd
    sudoers: Path

    def may(self, *lines: str) -> None:
        """Write the sudoers file; %u stands for the user."""
        draft = self.sshd.log.parent / "sudoers"
        draft.write_text("".join(f"{line.replace('%u', self.name)}\n" for line in lines), encoding="utf-8")
        subprocess.run(["visudo", "-cqf", draft], check=True, timeout=60)
        draft.chmod(0o440)
        shutil.copy(draft, self.sudoers)

    def log_in(self, password: str | None = PASSWORD) -> Session:
        """Connect, knowing this password for sudo."""
        return connect(
            replace(self.sshd.login, user=self.name, sudo_password=Secret(password) if password is not None else None)
        )


@pytest.fixture(scope="module")
def foreign_sshd() -> Iterator[Sshd]:
    """Start an sshd that users other than root can log in to, and that gives them a French environment."""
    if shutil.which("sudo") is None or shutil.which("visudo", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("needs sudo")
    program = sshd_program()
    with tempfile.TemporaryDirectory(prefix="koprogo-sshd-") as directory:
        french = "SetEnv LANG=fr_FR.UTF-8 LANGUAGE=fr LC_MESSAGES=fr_FR.UTF-8"
        with running_sshd(program, Path(directory), lambda _: french, mode=0o755) as sshd:
            yield sshd


@pytest.fixture
def person(foreign_sshd: Sshd) -> Iterator[Person]:
    """Make a user with a password and no rights, and remove them afterwards."""
    name = f"kf-{secrets.token_hex(4)}"
    sudoers = Path("/etc/sudoers.d") / name
    subprocess.run(["useradd", "-M", "-d", "/", "-s", "/bin/sh", name], check=True, timeout=30)
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}\n".encode(), check=True, timeout=30)
        yield Person(name, foreign_sshd, sudoers)
    finally:
        sudoers.unlink(missing_ok=True)
        for ticket in Path("/run/sudo/ts").glob(name):
            ticket.unlink()
        wait_for(f"{name} is removed", lambda: remove_user(name), seconds=30, interval=0.05)


def remove_user(name: str) -> None:
    """Remove a user, unless a process of theirs is still ending."""
    removed = subprocess.run(["userdel", name], check=False, capture_output=True, timeout=30)
    if removed.returncode:
        raise NotYet(removed.stderr.decode())


@pytest.fixture
def log_in(person: Person) -> Iterator[Callable[..., Session]]:
    """Log the person in; sessions are closed afterwards."""
    sessions = []

    def connected(password: str | None = PASSWORD) -> Session:
        sessions.append(person.log_in(password))
        return sessions[-1]

    yield connected
    for session in sessions:
        session.close()


LogIn = Callable[..., Session]


@pytest.mark.parametrize(
    "defaults",
    [
        (),
        ('Defaults:%u lecture=always, passprompt="Mot de passe : ", badpass_message="Désolé"',),
        ("Defaults:%u requiretty",),
        ("Defaults:%u passwd_tries=1, !use_pty",),
    ],
    ids=["plain", "lecture, prompt of its own", "requiretty", "one try, no pty"],
)
def test_password_is_given_to_sudo_alone(person: Person, log_in: LogIn, defaults: tuple[str, ...]) -> None:
    """However sudo asks, the command runs as root with its stdin, streams and exit status byte for byte."""
    person.may(*defaults, "%u ALL=(ALL) ALL")
    session = log_in()

    completed = session.run_as_root(ECHO, stdin=BINARY, timeout=60)

    assert completed == Completed(3, BINARY, b"\xfferr")
    assert session.run_as_root("id -u; cat", timeout=60) == Completed(0, b"0\n", b"")


@pytest.mark.parametrize("terminal", ["requiretty", "!requiretty"])
def test_no_password_where_none_is_asked(person: Person, log_in: LogIn, terminal: str) -> None:
    """With NOPASSWD neither a known password nor none at all makes a difference, and the stdin stays clean."""
    person.may(f"Defaults:%u {terminal}", "%u ALL=(ALL) NOPASSWD: ALL")

    for password in (PASSWORD, None):
        assert log_in(password).run_as_root(ECHO, stdin=BINARY, timeout=60) == Completed(3, BINARY, b"\xfferr")


def test_login_shell_that_talks(person: Person, log_in: LogIn) -> None:
    """What a login shell says before the command is not its answer; one that runs no command says why."""
    person.may("%u ALL=(ALL) NOPASSWD: ALL")
    home = person.sshd.log.parent / "home"
    home.mkdir()
    (home / ".bashrc").write_text("printf 'noise\\n\\033[31m\\377'; head -c 300000 /dev/zero; echo noise >&2\n")
    subprocess.run(["usermod", "-s", "/bin/bash", "-d", home, person.name], check=True, timeout=30)
    session = log_in()

    assert session.run("cat", stdin=BINARY, timeout=60).stdout == BINARY
    assert session.run_as_root(ECHO, stdin=BINARY, timeout=60) == Completed(3, BINARY, b"\xfferr")

    subprocess.run(["usermod", "-s", "/usr/sbin/nologin", person.name], check=True, timeout=30)
    refused = log_in().run("true", timeout=60)
    assert (1, b"This account is currently not available.\n") == (refused.exit_status, refused.stdout)


def test_cached_ticket(person: Person, log_in: LogIn) -> None:
    """When sudo remembers the password it does not ask, and the password does not end up in the command's stdin."""
    person.may("Defaults:%u timestamp_type=global", "%u ALL=(ALL) ALL")
    session = log_in()

    answers = [session.run_as_root("cat", stdin=b"mine", timeout=60) for _ in range(2)]

    assert answers == [Completed(0, b"mine", b"")] * 2
    assert session.run("sudo -n true", timeout=60).exit_status == 0


def test_password_is_nowhere(person: Person, log_in: LogIn) -> None:
    """The password is in no argument list and no environment while the command runs, nor in what comes back."""
    person.may("Defaults:%u requiretty", "%u ALL=(ALL) ALL")

    completed = log_in().run_as_root("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true", timeout=60)

    assert b"sudo" in completed.stdout
    assert b"pass-canary" not in completed.stdout.replace(b"\0", b" ")


def logged(log: Path) -> str:
    """Return what sudo wrote into its log, without the line breaks."""
    if not log.exists():
        raise NotYet("nothing is logged")
    return " ".join(log.read_text(encoding="utf-8").split())


def test_wrong_password_is_tried_once(person: Person, log_in: LogIn, tmp_path: Path) -> None:
    """A wrong password is one failed attempt, not three, and is not in the error; the command did not run."""
    log = tmp_path / "log"
    person.may(f"Defaults:%u logfile={log}, passwd_tries=3", "%u ALL=(ALL) ALL")
    session = log_in("wrong-canary")

    with pytest.raises(LoginRefused, match=f"sudo refuses the password of {person.name}") as caught:
        session.run_as_root(f"touch {tmp_path}/ran", timeout=60)

    assert "wrong-canary" not in f"{caught.value!r} {caught.value.cause} {caught.value.__cause__!r}"
    assert "1 incorrect password attempt" in wait_for("sudo ends", lambda: logged(log), seconds=30, interval=0.05)
    assert not (tmp_path / "ran").exists()
    assert session.is_alive()


def test_rights_that_go_away(person: Person, log_in: LogIn, tmp_path: Path) -> None:
    """When NOPASSWD is lost in the middle of a run the next command is refused with sudo's own words, and not run."""
    person.may("%u ALL=(ALL) NOPASSWD: ALL")
    session = log_in(None)
    assert session.run_as_root("id -u", timeout=60).stdout == b"0\n"

    person.may("%u ALL=(ALL) ALL")
    with pytest.raises(LoginRefused, match="a password is required") as caught:
        session.run_as_root(f"touch {tmp_path}/ran", timeout=60)

    assert "sudo_password" in str(caught.value.next_step)
    assert not (tmp_path / "ran").exists()


def test_command_that_is_not_allowed(person: Person, log_in: LogIn, tmp_path: Path) -> None:
    """A sudo that shows the command it refuses is not taken for the command itself: its stdin is sent to nobody."""
    person.may("%u ALL=(ALL) NOPASSWD: /bin/true")

    with pytest.raises(LoginRefused, match=r"(?s)not allowed to execute.*printf") as caught:
        log_in().run_as_root(f"touch {tmp_path}/ran", stdin=b"stdin-canary", timeout=60)

    assert "stdin-canary" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_nobody_in_sudoers(log_in: LogIn) -> None:
    """A user without any rights is refused by name, after one question at most."""
    with pytest.raises(LoginRefused, match=r"kf-\w+"):
        log_in().run_as_root("true", timeout=60)
