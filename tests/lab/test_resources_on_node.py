"""The resources that need a running systemd, and the others beside them, on a real Debian node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from nornir.core import Nornir
from nornir.core.task import MultiResult, Result, Task
from one_node import NODE, one_node

from koprogo_fleet.core.errors import CommandFailed
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.resource import Fact, Resource
from koprogo_fleet.hosts.resources import (
    Absent,
    AuthorizedKeys,
    Block,
    Directory,
    File,
    Group,
    Line,
    Mount,
    Service,
    Template,
    Timer,
    Unit,
    User,
)
from koprogo_fleet.hosts.script import gather_script, parse_gather
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.user_keys import ensure_private_key
from koprogo_tasks import converge

pytestmark = pytest.mark.lab

LAB = "t-resources"

SERVICE = """\
[Unit]
Description=example

[Service]
User=k-app
ExecStart=/bin/sh -c 'echo {word} >/srv/scratch/word; exec sleep infinity'

[Install]
WantedBy=multi-user.target
"""


def everything(key: str, word: str = "one") -> tuple[Resource, ...]:
    """Return resources that build on each other, each of a kind of its own."""
    return (
        Group("k-ops"),
        User("k-app", groups=("k-ops",), login_shell="/bin/sh"),
        AuthorizedKeys("k-app", (key,)),
        Mount("scratch", "/srv/scratch", "tmpfs", "size=1m,mode=1777"),
        Directory("/srv/app", "0750", group="k-ops"),
        Template("/srv/app/config", "word=$word\ntoken=$token\n", {"word": word, "token": Secret("canary")}, "0600"),
        Line("/etc/ssh/sshd_config", "MaxAuthTries 4", "^#?MaxAuthTries ", validate="sshd -t -f %s"),
        Block("/etc/hosts", "10.0.0.9 example"),
        Unit("k-example.service", SERVICE.replace("{word}", word)),
        Timer("k-tick", "*-*-* 03:00:00", "/bin/sh -c 'id -un >/srv/scratch/tick'", user="k-app", description="tick"),
    )


@pytest.fixture(scope="module")
def nornir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nornir]:
    """Boot one node."""
    with one_node(LAB, tmp_path_factory.mktemp("keys")) as nornir:
        yield nornir


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a public key."""
    return ensure_private_key(tmp_path_factory.mktemp("user") / "id_ed25519")


def run(nornir: Nornir, resources: Sequence[Resource]) -> MultiResult:
    """Converge the node; a failure is raised."""

    def task(task: Task) -> Result:
        return converge(task, resources)

    nornir.data.reset_failed_hosts()
    answer = nornir.run(task)[NODE]
    if answer.exception:
        raise answer.exception
    return answer


def by_hand(nornir: Nornir, script: str) -> str:
    """Change the node as a person would."""
    session = session_for(nornir.inventory.hosts[NODE], nornir.config)
    done = session.run_as_root("sh -s", stdin=script.encode(), timeout=60)
    assert done.exit_status == 0, done.stderr

    return done.stdout.decode()


def differences(result: MultiResult) -> list[str]:
    """Return what differed, as text."""
    return [str(difference) for difference in result[0].differences]  # type: ignore[attr-defined]


def test_from_fresh_to_nothing_to_do(nornir: Nornir, key: str) -> None:
    """One run sets up everything, though each builds on the one before; the second finds nothing to do."""
    first = run(nornir, everything(key))
    second = run(nornir, everything(key))

    assert "create group k-ops" in differences(first)
    assert [] == differences(second)
    assert "canary" not in first[0].diff
    assert ["active", "enabled", "active", "one", "k-app"] == by_hand(
        nornir,
        "systemctl is-active k-example; systemctl is-enabled k-tick.timer; systemctl is-active k-tick.timer\n"
        "cat /srv/scratch/word; systemctl start k-tick; cat /srv/scratch/tick",
    ).split()


def test_changed_unit_is_started_again(nornir: Nornir, key: str) -> None:
    """Another content of a unit file is in force after the run: systemd read it, and the service is a new one."""
    run(nornir, everything(key))
    before = by_hand(nornir, "systemctl show --property=MainPID k-example")

    changed = differences(run(nornir, everything(key, "two")))

    assert "change content of file /etc/systemd/system/k-example.service" in changed
    assert "two\n" == by_hand(nornir, "cat /srv/scratch/word")
    assert before != by_hand(nornir, "systemctl show --property=MainPID k-example")
    assert "NeedDaemonReload=no\n" == by_hand(nornir, "systemctl show --property=NeedDaemonReload k-example")
    assert [] == differences(run(nornir, everything(key, "two")))
    run(nornir, everything(key))


def test_unit_whose_start_was_interrupted(nornir: Nornir, key: str) -> None:
    """A run that was killed between the file and the start is finished by the next: the note on the node says so."""
    run(nornir, everything(key))
    before = by_hand(nornir, "systemctl show --property=MainPID k-example")
    by_hand(nornir, "mkdir -p /run/koprogo-fleet/unfinished; : >/run/koprogo-fleet/unfinished/k-example.service")

    assert ["change service k-example.service: not started again -> started again"] == differences(
        run(nornir, everything(key))
    )
    assert before != by_hand(nornir, "systemctl show --property=MainPID k-example")
    assert [] == differences(run(nornir, everything(key)))


def test_what_a_person_stopped_or_edited(nornir: Nornir, key: str) -> None:
    """A stopped timer, an edited unit and a disabled service are named and mended."""
    run(nornir, everything(key))
    by_hand(
        nornir,
        "systemctl --quiet disable --now k-tick.timer; echo '# x' >>/etc/systemd/system/k-tick.service\n"
        "systemctl --quiet disable k-example",
    )

    assert [
        "change start of service k-example.service at boot: disabled -> enabled",
        "change content of file /etc/systemd/system/k-tick.service",
        "change service k-tick.timer: stopped -> running",
        "change start of service k-tick.timer at boot: disabled -> enabled",
    ] == differences(run(nornir, everything(key)))
    assert [] == differences(run(nornir, everything(key)))


def test_unit_that_does_not_start_shows_its_log(nornir: Nornir) -> None:
    """A service that fails is an error with the last lines of its log, and it is not forgotten by the next run."""
    unit = Unit(
        "k-broken.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo broken on purpose; exit 3'\n",
        enabled=False,
    )

    for _ in range(2):
        with pytest.raises(CommandFailed, match="broken on purpose"):
            run(nornir, [unit])


def test_calendar_that_systemd_does_not_know(nornir: Nornir) -> None:
    """A wrong calendar is refused before anything is written."""
    with pytest.raises(CommandFailed, match="Failed to parse calendar"):
        run(nornir, [Timer("k-wrong", "someday", "/bin/true")])

    assert "none\n" == by_hand(nornir, "ls /etc/systemd/system | grep k-wrong || echo none")


def test_unit_that_retires(nornir: Nornir) -> None:
    """A unit goes by what is there already: stopped, disabled, and its file absent."""
    text = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    run(nornir, [Unit("k-old.service", text)])
    retired = [Service("k-old.service", running=False, enabled=False), Absent("/etc/systemd/system/k-old.service")]

    run(nornir, retired)

    assert [] == differences(run(nornir, retired))
    assert "" == by_hand(nornir, "pgrep -u root -fx '/bin/sleep infinity' || :")


def test_the_documented_task_works(nornir: Nornir) -> None:
    """The task of the how-to does what it says, by its handler too, and has nothing to do after that."""
    text = (Path(__file__).parents[2] / "docs" / "howto" / "write-a-task.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(source, "write-a-task.md", "exec"), names)  # noqa: S102 - our own documentation

    results = [nornir.run(task=names["banner"], text="Authorized use only.") for _ in range(2)]

    assert [False, False] == [result.failed for result in results], results[0][NODE][0].result
    assert [True, False] == [result[NODE].changed for result in results]
    assert "banner /etc/issue.net\n" == by_hand(nornir, "sshd -T 2>/dev/null | grep '^banner'")
    address = nornir.inventory.hosts[NODE].hostname
    greeting = by_hand(nornir, f"ssh -o BatchMode=yes -o StrictHostKeyChecking=no {address} 2>&1 || :")
    assert "Authorized use only." in greeting


def test_secret_unit_is_for_root_alone(nornir: Nornir) -> None:
    """A unit file that is a secret is readable by root alone, and its content shows nowhere."""
    unit = Unit("k-secret.service", Secret("[Service]\nExecStart=/bin/sleep infinity\nEnvironment=T=canary\n"))

    result = run(nornir, [unit, File("/etc/k-secret", "x")])

    assert "canary" not in result[0].diff + repr(unit)
    assert "600\n" == by_hand(nornir, "stat -c %a /etc/systemd/system/k-secret.service")
    assert [] == differences(run(nornir, [unit]))


RELOADED = "systemctl show --property=UnitsLoadFinishTimestampMonotonic"
ROW = tuple(Service(f"k-row-{name}") for name in ("one", "two", "three"))


@pytest.fixture
def row(nornir: Nornir) -> None:
    """Install three services by hand: they are stopped, and not started at boot."""
    unit = "[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n"
    for service in ROW:
        by_hand(nornir, f"printf '{unit}' >/etc/systemd/system/{service.unit}.service")
    names = " ".join(service.unit for service in ROW)
    by_hand(nornir, f"systemctl daemon-reload; systemctl disable --now {names}; systemctl reset-failed {names} || :")


@pytest.mark.usefixtures("row")
def test_services_in_a_row_are_started_together(nornir: Nornir) -> None:
    """They run and start at boot, and systemd did not have to read all of its units again for that."""
    before = by_hand(nornir, RELOADED)

    run(nornir, ROW)

    names = " ".join(service.unit for service in ROW)
    assert ["active", "enabled"] * 3 == by_hand(
        nornir, f"for unit in {names}; do systemctl is-active $unit; systemctl is-enabled $unit; done"
    ).split()
    assert before == by_hand(nornir, RELOADED)
    assert [] == differences(run(nornir, ROW))


@pytest.mark.usefixtures("row")
def test_one_of_a_row_that_does_not_start_is_told(nornir: Nornir) -> None:
    """Its own log is in the error, and the others run; a file that was changed by hand is read before."""
    unit = "[Service]\\nType=oneshot\\nExecStart=/bin/sh -c 'echo no such luck; exit 3'\\n"
    by_hand(nornir, f'printf "{unit}" >/etc/systemd/system/k-row-two.service')

    with pytest.raises(CommandFailed, match="k-row-two") as caught:
        run(nornir, ROW)

    assert "no such luck" in str(caught.value)
    assert ["active", "active"] == by_hand(nornir, "systemctl is-active k-row-one k-row-three").split()


def test_units_asked_together_as_alone(nornir: Nornir) -> None:
    """Whatever a unit is - an alias, an instance, unknown - systemd's answer to many is its answer to each."""
    services = [Service(unit) for unit in ("sshd", "ssh.service", "getty@tty7", "no-such-unit", "dbus.socket", "cron")]

    def looked(asked: Sequence[Resource]) -> tuple[Fact, ...]:
        return parse_gather(by_hand(nornir, gather_script(asked, "n" * 32).decode()).encode(), "n" * 32, asked).facts

    assert looked(services) == tuple(looked([service])[0] for service in services)
