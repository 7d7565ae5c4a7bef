"""Nornir to a real sshd and back: look once, mend once, and then nothing."""

from __future__ import annotations

import signal
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from nornir.core import Nornir
from nornir.core.configuration import Config, LoggingConfig
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.state import GlobalState
from nornir.core.task import AggregatedResult, MultiResult, Result, Task
from nornir.plugins.runners import SerialRunner
from real_sshd import NODE, Sshd

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandFailed, CommandTimeout, HostKeyMismatch, InputError, NotConverged
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.resource import Change, Decision, Fact, NotApplicable, Once, Resource, Unchanged
from koprogo_fleet.hosts.resources import Absent, Directory, File, Line
from koprogo_fleet.hosts.script import PENDING_DIRECTORY, Handler, handler_id
from koprogo_fleet.ssh.connection import CONNECTION_NAME, FleetSsh, session_for
from koprogo_tasks._converge import converge

HOSTILE = "' \" $(touch /tmp/pwned) `id` \\ %s {{x}} #\n-n\n+x\t\U0001f600\r\n\x01" + "é" * 100


@dataclass(frozen=True)
class Shell:
    """A resource of a user's own, whose parts the test writes."""

    script: str
    name: str = "shell"
    looks: str = "exit 1"
    notify: tuple[str, ...] = ()
    confirm: str = ""

    def look(self) -> str:
        """Do what the test says."""
        return self.looks

    def decide(self, fact: Fact) -> Decision:
        """Decide by the exit status alone."""
        if fact.exit_status == 0:
            return Unchanged()
        if fact.exit_status == 9:
            return NotApplicable("not here")
        return Change((Difference(Operation.CHANGE, self.name),), self.script, self.notify, confirm=self.confirm)


@pytest.fixture
def nornir(sshd: Sshd) -> Iterator[Nornir]:
    """Set Nornir up as the inventory does, with one host."""
    ConnectionPluginRegister.register(CONNECTION_NAME, FleetSsh)
    login = sshd.login
    options = ConnectionOptions(
        extras={
            "private_key": str(login.private_key),
            "known_hosts": str(login.known_hosts),
            "host_key_alias": NODE,
            "connect_timeout": 5,
        }
    )
    host = Host(
        NODE, login.address, login.port, login.user, connection_options={CONNECTION_NAME: options}, defaults=Defaults()
    )
    nornir = Nornir(
        Inventory(Hosts({NODE: host}), Groups(), Defaults()),
        config=Config(logging=LoggingConfig(enabled=False)),
        data=GlobalState(),
        runner=SerialRunner(),
    )
    yield nornir
    nornir.close_connections()
    ConnectionPluginRegister.deregister(CONNECTION_NAME)


def run(nornir: Nornir, resources: Sequence[Resource], **options: object) -> MultiResult:
    """Converge the only host; a failure is raised."""

    def task(task: Task) -> Result:
        return converge(task, resources, **options)  # type: ignore[arg-type]

    nornir.data.reset_failed_hosts()
    result: AggregatedResult = nornir.run(task)
    answer = result[NODE]
    if answer.exception:
        raise answer.exception
    return answer


def test_second_run_asks_once(sshd: Sshd, nornir: Nornir, tmp_path: Path) -> None:
    """The first run looks and mends, the second sends one command over the same connection and reports no change."""
    resources: list[Resource] = [
        Directory(f"{tmp_path}/private", "0700"),
        File(f"{tmp_path}/private/a", "a\n"),
        *(File(f"{tmp_path}/many/{number}", f"{number}\n") for number in range(20)),
        Absent(f"{tmp_path}/gone"),
    ]
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "file").touch()
    logins, commands = sshd.logins(), sshd.commands()

    first = run(nornir, resources)

    assert first.changed
    assert sshd.commands() - commands == 2
    assert len(first[0].differences) == 23
    assert (tmp_path / "private" / "a").read_text(encoding="ascii") == "a\n"
    assert not (tmp_path / "gone").exists()

    commands = sshd.commands()
    second = run(nornir, resources)

    assert not second.changed
    assert (second[0].diff, second[0].differences) == ("", ())
    assert sshd.commands() - commands == 1
    assert sshd.logins() - logins == 1


def test_dry_run_tells_and_touches_nothing(sshd: Sshd, nornir: Nornir, tmp_path: Path) -> None:
    """A dry run gives the answer of a real run, with one command, and leaves the node as it is."""
    path = tmp_path / "file"
    path.write_text("old\n", encoding="ascii")
    commands = sshd.commands()

    dry = run(nornir, [File(str(path), "new\n")], dry_run=True)

    assert sshd.commands() - commands == 1
    assert path.read_text(encoding="ascii") == "old\n"
    wet = run(nornir, [File(str(path), "new\n")])
    assert dry[0].diff == wet[0].diff
    assert "-old\n+new" in wet[0].diff
    assert dry.changed


@pytest.mark.parametrize("content", [HOSTILE, "", "x" * (1 << 20) + "\n", "--help", "-n", "a\0b"])
def test_content_arrives_byte_for_byte(nornir: Nornir, tmp_path: Path, content: str) -> None:
    """Any text arrives as it is, secret or not, and what it says is executed nowhere."""
    path = tmp_path / "a 'b' $c" / "-file"

    run(nornir, [File(str(path), Secret(content), mode="0600")])

    assert content.encode() == path.read_bytes()
    assert not Path("/tmp/pwned").exists()  # noqa: S108 - the hostile content would make it
    assert not run(nornir, [File(str(path), content, mode="0600")]).changed


def test_secret_stays_secret(sshd: Sshd, nornir: Nornir, tmp_path: Path) -> None:
    """A secret is in no difference, no log and no argument list, and its file is 0600 from the first moment."""
    canary = Secret("canary-8fb1c2d6e1")
    path = tmp_path / "token"
    spy = Shell(f"cat /proc/[0-9]*/cmdline >{tmp_path}/cmdlines 2>/dev/null || :")

    result = run(nornir, [File(str(path), canary, mode="0600"), spy])
    path.write_text("another", encoding="ascii")
    again = run(nornir, [File(str(path), canary, mode="0600")])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = "".join(map(str, [result[0].diff, result[0].differences, again[0].diff, again[0].differences]))
    places = [shown, sshd.log.read_text(encoding="utf-8"), (tmp_path / "cmdlines").read_text(encoding="latin-1")]
    assert [place for place in places if canary.reveal() in place] == []
    assert "content of file" in again[0].diff


def test_first_failure_ends_it(nornir: Nornir, tmp_path: Path) -> None:
    """The first step that fails is named with its status and what it said; the steps after it are not run."""
    before, after = tmp_path / "before", tmp_path / "after"
    steps = [
        Shell(f"touch {before}", "first"),
        Shell("echo some; echo words >&2; false; echo never", "second"),
        Shell(f"touch {after}", "third"),
    ]

    with pytest.raises(CommandFailed) as caught:
        run(nornir, steps)

    assert caught.value.exit_status == 1
    assert (
        f"{NODE}: second (the 1 steps after it were not run): exit status 1\n  stdout: some\n  stderr: words"
        == caught.value.seen
    )
    assert before.exists()
    assert not after.exists()


def test_flooding_step_is_still_understood(nornir: Nornir) -> None:
    """A step that prints 20 MB before it fails is named all the same, with its last lines."""
    with pytest.raises(CommandFailed, match="flood: exit status 4") as caught:
        run(nornir, [Shell("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end; exit 4", "flood")])

    assert caught.value.stdout.endswith("end\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 kB."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path], check=True, timeout=60)
    yield path
    subprocess.run(["umount", path], check=True, timeout=60)


def test_full_disk_is_named_and_the_old_file_stays(nornir: Nornir, small_disk: Path) -> None:
    """A full disk is named as the cause, with the command that shows it; the file is the old one."""
    path = small_disk / "file"
    run(nornir, [File(str(path), "old")])

    with pytest.raises(CommandFailed, match=f"(?s)file {path}: exit status 1\n.*No space left") as caught:
        run(nornir, [File(str(path), "x" * 100_000)])

    assert caught.value.cause == "the disk is full"
    assert "df -h" in str(caught.value.next_step)
    assert path.read_text(encoding="ascii") == "old"
    assert list(small_disk.iterdir()) == [path]


def test_step_that_hangs_is_ended_on_the_node(nornir: Nornir, tmp_path: Path) -> None:
    """A step that does not end is ended there, too, and named."""
    with pytest.raises(CommandTimeout, match="hangs: no end within 1 s"):
        run(nornir, [Shell(f"echo $$ >{tmp_path}/pid; sleep 61", "hangs")], timeout=1)

    pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    assert not Path(f"/proc/{pid}").exists()


def test_refusal_changes_nothing(nornir: Nornir, tmp_path: Path) -> None:
    """If one resource must not be changed, none is, and the reason is told."""
    (tmp_path / "busy").mkdir()

    with pytest.raises(NotConverged, match=r"file .*/busy: .*/busy is a directory"):
        run(nornir, [File(f"{tmp_path}/first", "x"), File(f"{tmp_path}/busy", "x")])

    assert not (tmp_path / "first").exists()


def test_validation_keeps_the_old_file(nornir: Nornir, tmp_path: Path) -> None:
    """A content that its program does not accept never takes the old file's place, and leaves nothing behind."""
    path = tmp_path / "script"
    path.write_text("echo old\n", encoding="ascii")

    with pytest.raises(CommandFailed, match=f"file {path}"):
        run(nornir, [File(str(path), "if\n", validate="sh -n %s")])

    assert path.read_text(encoding="ascii") == "echo old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_not_applicable_is_reported(nornir: Nornir) -> None:
    """What cannot be had on the node is neither a change nor silence."""
    result = run(nornir, [Shell("false", "kernel", looks="exit 9")])

    assert not result.changed
    assert result[0].not_applicable == (("kernel", "not here"),)


def test_handlers_run_once_and_are_never_forgotten(nornir: Nornir, tmp_path: Path) -> None:
    """Two changes run their handler once; after a failure in between, the next run catches up on it, and says so."""
    handler = f"echo ran >>{tmp_path}/ran"
    pending = Path(PENDING_DIRECTORY) / handler_id(handler)
    files = [File(f"{tmp_path}/{name}", "x", notify=("reload",)) for name in "ab"]

    with pytest.raises(CommandFailed):
        run(nornir, [*files, Shell("exit 1", "breaks")], handlers={"reload": handler, "other": "exit 5"})
    assert pending.exists()
    assert not (tmp_path / "ran").exists()

    result = run(nornir, files, handlers={"reload": handler, "other": "exit 5"})
    assert result.changed
    assert result[0].diff == "change reload: still to be done -> done"
    assert (tmp_path / "ran").read_text(encoding="ascii") == "ran\n"

    assert not run(nornir, files, handlers={"reload": handler}).changed
    assert not pending.exists()


def test_a_handler_that_disrupts_etcd_needs_a_guard(nornir: Nornir, tmp_path: Path) -> None:
    """With a runner that cannot guard the quorum nothing is changed whose handler may take an etcd member down."""
    handlers = {"restart etcd": Handler("exit 5", disrupts_etcd=True), "reload": f"touch {tmp_path}/reloaded"}

    with pytest.raises(InputError, match="cannot guard the quorum"):
        run(nornir, [File(f"{tmp_path}/a", "x", notify=("restart etcd",))], handlers=handlers)

    assert [] == list(tmp_path.iterdir())
    run(nornir, [File(f"{tmp_path}/b", "x", notify=("reload",))], handlers=handlers)
    assert {"b", "reloaded"} == {path.name for path in tmp_path.iterdir()}


def test_unknown_handler(nornir: Nornir, tmp_path: Path) -> None:
    """A notification that nobody would hear is refused before anything changes."""
    with pytest.raises(InputError, match="reload"):
        run(nornir, [File(f"{tmp_path}/a", "x", notify=("reload",))])

    assert not (tmp_path / "a").exists()


def test_dead_connection_is_not_handed_back(sshd: Sshd, nornir: Nornir, tmp_path: Path) -> None:
    """When the connection died between two tasks, the next task gets a new one by itself."""
    run(nornir, [File(f"{tmp_path}/a", "1")])
    logins = sshd.logins()
    sshd.signal_children(signal.SIGKILL)

    run(nornir, [File(f"{tmp_path}/a", "2")])

    assert sshd.logins() - logins == 1
    assert (tmp_path / "a").read_text(encoding="ascii") == "2"


def test_errors_of_the_connection_are_ours(nornir: Nornir, tmp_path: Path) -> None:
    """What goes wrong while connecting comes out of a Nornir task as the explained error that it is."""
    options = nornir.inventory.hosts[NODE].connection_options[CONNECTION_NAME]
    assert options.extras is not None
    options.extras["known_hosts"] = str(tmp_path / "none")

    with pytest.raises(HostKeyMismatch):
        run(nornir, [])


def test_inventory_without_options_is_explained(nornir: Nornir) -> None:
    """An inventory that does not say where the host keys are is a mistake of the user's, and says what to run."""
    nornir.inventory.hosts[NODE].connection_options[CONNECTION_NAME].extras = {}

    with pytest.raises(InputError, match="known_hosts") as caught:
        session_for(nornir.inventory.hosts[NODE], nornir.config)

    assert "inventory sync" in str(caught.value.next_step)


def test_several_lines_of_one_file_are_one_round(nornir: Nornir, tmp_path: Path) -> None:
    """Lines of the same file, decided from one look, are all there after one run, and the second changes nothing."""
    file = tmp_path / "sshd_config"
    file.write_text("#Port 22\nPermitRootLogin yes\n")
    lines = [
        Line(str(file), "PermitRootLogin no", match="^#?PermitRootLogin"),
        Line(str(file), "Port 2222", match="^#?Port "),
        Line(str(file), "X11Forwarding no", match="^#?X11Forwarding"),
    ]

    first = run(nornir, lines)[0]
    second = run(nornir, lines)[0]

    assert "Port 2222\nPermitRootLogin no\nX11Forwarding no\n" == file.read_text()
    assert (3, False) == (len(first.differences), second.changed)


def test_what_many_need_is_run_once_after_the_last(nornir: Nornir, tmp_path: Path) -> None:
    """Changes share a command: it runs once, with what each of them needs, and not at all if one of them fails."""

    @dataclass(frozen=True)
    class Shared(Shell):
        def decide(self, _fact: Fact) -> Decision:
            note = Once("note", f"printf '%s\\n' >>{tmp_path}/log", f"it's {self.name}")
            return Change((Difference(Operation.CHANGE, self.name),), self.script, once=(note, note))

    resources = [Shared(f"echo {name} >>{tmp_path}/log", name) for name in "ab"]

    with pytest.raises(CommandFailed, match="c: exit status 3"):
        run(nornir, [*resources, Shared("exit 3", "c")])
    assert (tmp_path / "log").read_text() == "a\nb\n"

    run(nornir, resources)
    assert (tmp_path / "log").read_text() == "a\nb\na\nb\nit's a\nit's b\n"


def test_a_shared_command_that_fails_is_named(nornir: Nornir, tmp_path: Path) -> None:
    """What runs once for all changes fails under its own name."""

    @dataclass(frozen=True)
    class Shared(Shell):
        def decide(self, _fact: Fact) -> Decision:
            missing = Once("sync", "cat --", f"{tmp_path}/none")
            return Change((Difference(Operation.CHANGE, self.name),), self.script, once=(missing,))

    with pytest.raises(CommandFailed, match=f"sync {tmp_path}/none: exit status 1"):
        run(nornir, [Shared("true")])


def test_what_would_undo_itself_is_confirmed_by_a_new_connection(sshd: Sshd, nornir: Nornir, tmp_path: Path) -> None:
    """After the change, and its handlers, a second login says that it may stay; nothing else asks for one."""
    steps = tmp_path / "steps"
    changes = (Shell(f"echo change >>{steps}", notify=("after",), confirm=f"echo confirm >>{steps}"),)

    logins = sshd.logins()
    run(nornir, changes, handlers={"after": f"echo handler >>{steps}"})

    assert ["change", "handler", "confirm"] == steps.read_text().split()
    assert logins + 2 == sshd.logins()
    run(nornir, [Shell("exit 1", looks="exit 0", confirm="exit 1")])
    assert logins + 2 == sshd.logins()


def test_what_shuts_us_out_is_not_confirmed(
    sshd: Sshd, nornir: Nornir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no new login works any more the run fails, and the change is left to undo itself."""
    monkeypatch.setattr("koprogo_tasks._confirm.SECONDS", 1.0)
    confirmed, keys = tmp_path / "confirmed", sshd.log.with_name("authorized_keys")
    before = keys.read_text()

    with pytest.raises(NotConverged, match="no new connection can be made after the change"):
        run(nornir, [Shell(f": >{keys}", confirm=f"touch {confirmed}")])

    assert not confirmed.exists()
    keys.write_text(before)


def test_a_confirmation_that_comes_too_late_is_an_error(nornir: Nornir) -> None:
    """A node that has undone the change already says so."""
    with pytest.raises(CommandFailed, match="confirm the change") as raised:
        run(nornir, [Shell("true", confirm="echo 'too late' >&2; exit 1")])

    assert "too late" in raised.value.stderr
