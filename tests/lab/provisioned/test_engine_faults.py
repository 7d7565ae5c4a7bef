"""What the engine does when networks, nodes and the controller itself fail in the middle of a run: docs/reference/faults.md."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from faults import SERVERS, WORKERS, Started, console, drift, pull_the_plug, reset, signalled, silent, slow_drift
from invariants import assert_sound, quorum_kept
from lab_fleet import COMMAND, Fleet
from nornir.core.task import Result, Task

from koprogo_fleet.core.errors import WaitTimeout
from koprogo_fleet.core.events import ignore
from koprogo_fleet.hosts.resources import Packages
from koprogo_fleet.runner.outcome import Outcome, Status
from koprogo_fleet.runner.quorum import QuorumGuard
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.runner.runner import FleetRunner
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.phases.nodes import baseline
from koprogo_fleet.workflows.provision import PROVISION
from koprogo_tasks import converge, etcd_health, reboot

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]  # the first of them provisions


@pytest.fixture(scope="module")
def sound(fleet: Fleet) -> Fleet:
    """Return the fleet, in which everything is as it should be."""
    assert_sound(fleet)
    return fleet


@pytest.fixture(autouse=True)
def invariants(sound: Fleet) -> Iterator[None]:
    """Assert that a fault costs no quorum while it lasts, and that after it everything is again as it was before."""
    bought = sound.written()
    with quorum_kept(sound):
        yield
    assert bought == sound.written()
    assert_sound(sound)


def mend(fleet: Fleet) -> None:
    """Do what a person does after a fault: run the same command again. It has to be enough."""
    done = fleet.run("provision", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr


def changes_of(fleet: Fleet, host: str) -> str:
    """Return what shows any change of the node: the start of K3s, and the fleet's files."""
    files = (
        "/etc/ssh/sshd_config.d /etc/rancher /etc/hosts /etc/sysctl.d /etc/systemd/network /etc/ufw /usr/local/bin/k3s"
    )
    units = "systemctl show --property=InvocationID --value k3s k3s-agent ssh chrony"
    return console(fleet, host, f"{units}; find {files} -type f -exec sha256sum {{}} + | sort -k 2")


@pytest.mark.exhaustive
def test_a_lost_connection_is_an_unknown_result_and_made_again(fleet: Fleet) -> None:
    """After a reset the node is looked at again and its change ends; after silence nobody knows; others go on."""
    cut, mute, other = WORKERS
    with slow_drift(fleet, *WORKERS, seconds=6):
        run = Started(fleet)
        run.wait_until_it_changes(*WORKERS)
        with silent(fleet, mute):
            reset(fleet, cut)
            begin = time.monotonic()
            done = run.end()

    assert 10 < time.monotonic() - begin < 150
    assert 2 == done.returncode
    for host in (cut, mute):
        assert f"{host}: the connection ended in the middle of a command, its result is unknown" in done.stdout
    assert f"{mute}: cannot connect" in done.stdout
    assert {cut: "done", mute: None, other: "done"} == run.outcomes
    assert [None, "done"] == [change.outcome for change in run.journal.changes if change.host == cut]
    assert "failed" == run.journal.state
    mend(fleet)


def rebooted(fleet: Fleet, *hosts: str, seconds: float) -> dict[str, Outcome]:
    """Reboot nodes by the task, each after no more than so many *seconds* of waiting for proof of a quorum."""
    nornir = open_nornir(fleet.inventory)
    assert isinstance(nornir.runner, FleetRunner)
    nornir.runner.guard = QuorumGuard(lambda: etcd_health(nornir, SERVERS), seconds)
    try:
        return run_on(nornir, hosts, "Reboot", reboot, ignore, {"seconds": 60})
    finally:
        nornir.close_connections()


def test_without_two_servers_the_third_is_left_alone(fleet: Fleet) -> None:
    """While two of three cannot be asked, the third is neither restarted nor rebooted, whatever differs on it."""
    first, second, third = SERVERS
    console(fleet, third, "echo 'debug: true' >> /etc/rancher/k3s/config.yaml")
    before = changes_of(fleet, third)
    with silent(fleet, first, second):
        run = Started(fleet, COMMAND, "provision", "--yes", "--boot-seconds", "1")
        outcome = rebooted(fleet, third, seconds=1)[third]
        done = run.end()

    assert 2 == done.returncode
    assert all(f"{host}: SSH at" in done.stdout for host in (first, second))
    assert isinstance(outcome.error, WaitTimeout)
    assert f"1 of 3 members are healthy, not: {first}, {second}" in outcome.error.seen
    assert before == changes_of(fleet, third)
    console(fleet, third, "sed -i '/^debug: true$/d' /etc/rancher/k3s/config.yaml")


@pytest.mark.exhaustive
def test_one_server_that_cannot_be_reached_is_named(fleet: Fleet) -> None:
    """One of three counts as a failure by its name, and forbids to disrupt another one, for it may be down."""
    first, _, third = SERVERS
    boot = console(fleet, third, "cat /proc/sys/kernel/random/boot_id")
    with silent(fleet, first):
        asked = Started(fleet, COMMAND, "k3s", "status", "--json")
        outcome = rebooted(fleet, third, seconds=1)[third]
        status = asked.end()

    assert 1 == status.returncode
    assert f"{first}: cannot connect" in status.stdout
    assert "2 of 3 members are up" in status.stdout
    assert f"2 of 3 members are healthy, not: {first}" in str(outcome.error)
    assert boot == console(fleet, third, "cat /proc/sys/kernel/random/boot_id")


@pytest.mark.exhaustive
def test_a_paused_run_that_was_overtaken_is_refused(fleet: Fleet) -> None:
    """Stopped before its first change, its lock removed and another run done, it finds the node taken, and ends."""
    worker = WORKERS[0]
    drift(fleet, worker)
    before_baseline = [phase.run for phase in PROVISION].index(baseline)
    first = signalled(fleet, signal.SIGSTOP, 1 + 2 * before_baseline + 2)  # each phase: two; then its own, the change's
    first.wait_until_stopped()
    assert [worker] == list(first.outcomes)
    (fleet.root / "state" / "koprogo" / "lock").unlink()

    mend(fleet)
    second = fleet.runs()[-1]
    after = changes_of(fleet, worker)
    first.process.send_signal(signal.SIGCONT)
    done = first.end()

    assert 2 == done.returncode
    assert f"{worker}: the run {second.id} has claimed this node since; nothing was changed" in done.stdout
    assert {worker: "failed"} == first.outcomes
    assert after == changes_of(fleet, worker)


@pytest.mark.exhaustive
def test_a_node_that_reboots_under_a_change_is_waited_for(fleet: Fleet) -> None:
    """The change that was going on is unknown; the node is looked at again once it is back, and the run goes on."""
    gone, other, _ = WORKERS
    with slow_drift(fleet, gone, other, seconds=6):
        run = Started(fleet)
        run.wait_until_it_changes(gone, other)
        pull_the_plug(fleet, gone)
        done = run.end()

    assert 0 == done.returncode, done.stdout + done.stderr
    assert next(change for change in run.journal.changes if change.host == gone).outcome is None
    assert "done" == run.outcomes[other]


@pytest.mark.exhaustive
def test_a_server_is_rebooted_while_the_quorum_survives_it(fleet: Fleet) -> None:
    """With proof of the quorum a server goes down and comes back as another boot, and its etcd with it."""
    server = SERVERS[2]
    before = console(fleet, server, "cat /proc/sys/kernel/random/boot_id").strip()
    outcome = rebooted(fleet, server, seconds=60)[server]

    assert Status.CHANGED is outcome.status
    assert outcome.value not in {None, before}
    mend(fleet)


NOISE = """\
echo 'ActiveState=failed InvocationID=noise'
printf '{"v1": {"errors": ["noise"]}}\\n200\\n\\033[31m\\000\\377\\n'
echo '1 noise' >&2
"""


@pytest.mark.exhaustive
def test_noise_is_not_taken_for_an_answer(fleet: Fleet) -> None:
    """Where each login talks, on both streams and in a broken locale, a run still knows what is the node's answer."""
    noisy = (SERVERS[0], WORKERS[0])
    for host in noisy:
        console(
            fleet,
            host,
            f"""
            cp -a /home/debian/.bashrc /etc/environment /etc/motd /root/
            cat >/home/debian/.bashrc <<'END'\n{NOISE}END
            cp /home/debian/.bashrc /etc/profile.d/noise.sh
            cp /home/debian/.bashrc /etc/motd
            printf 'LANG=xx_YY.UTF-8\\nLC_ALL=xx_YY.UTF-8\\n' >/etc/environment
            """,
        )
    drift(fleet, *noisy)
    try:
        mend(fleet)
    finally:
        for host in noisy:
            put_back = (
                "mv /root/.bashrc /home/debian/; mv /root/environment /root/motd /etc/; rm /etc/profile.d/noise.sh"
            )
            console(fleet, host, put_back)


def packages(task: Task) -> Result:
    """Install something small; wait 2 s for other users of apt."""
    return converge(task, [Packages(("tree",), lock_seconds=2)])


def test_who_holds_apt_s_lock_is_named(fleet: Fleet) -> None:
    """A program that sits on dpkg's lock is named by its process and command line."""
    worker = WORKERS[1]
    program = (
        "import fcntl, time; file = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(file, 2); time.sleep(600)"
    )
    console(fleet, worker, f'systemd-run --quiet --unit=other-apt python3 -c "{program}"; sleep 1')
    nornir = open_nornir(fleet.inventory)
    try:
        outcome = run_on(nornir, [worker], "Packages", packages, ignore, {})[worker]
    finally:
        nornir.close_connections()
        console(fleet, worker, "systemctl stop other-apt")

    assert Status.FAILED is outcome.status
    assert "waited 2 s for another user of apt: process " in str(outcome.error)
    assert "import fcntl, time" in str(outcome.error)


@pytest.mark.exhaustive
def test_without_room_for_the_journal_nothing_is_done(fleet: Fleet) -> None:
    """Where no intent can be written down, no node is touched, not even to claim it."""
    worker = WORKERS[0]
    drift(fleet, worker)
    before = {host: changes_of(fleet, host) + _fence(fleet, host) for host in (*SERVERS, *WORKERS)}
    journal = fleet.root / "state" / "koprogo" / "journal"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", journal], check=True, timeout=10)
    try:
        (journal / "filler").write_bytes(b"x" * 4096)
        done = fleet.run("provision", "--yes")
    finally:
        subprocess.run(["umount", journal], check=True, timeout=10)

    assert 2 == done.returncode
    assert "cannot write the journal" in done.stdout + done.stderr
    assert before == {host: changes_of(fleet, host) + _fence(fleet, host) for host in before}
    mend(fleet)


def _fence(fleet: Fleet, host: str) -> str:
    return console(fleet, host, "cat /var/lib/koprogo-fleet/fence")


@pytest.mark.exhaustive
def test_sudo_that_begins_to_ask_stops_the_run(fleet: Fleet) -> None:
    """When the user loses NOPASSWD in the middle, what runs ends, and the next command is refused in sudo's words."""
    worker = WORKERS[1]
    rule = "/etc/sudoers.d/90-cloud-init-users"
    try:
        with slow_drift(fleet, worker, seconds=4):
            run = Started(fleet)
            run.wait_until_it_changes(worker)
            console(fleet, worker, f"cp -a {rule} /root/rule; sed -i s/NOPASSWD:/PASSWD:/ {rule}")
            done = run.end()
    finally:
        console(fleet, worker, f"mv /root/rule {rule}")

    assert 2 == done.returncode
    assert f"{worker}: sudo does not run commands as root of debian" in done.stdout
    assert {worker: "done"} == run.outcomes


def test_first_interrupt_lets_the_changes_end(fleet: Fleet) -> None:
    """After Ctrl-C each change that was begun ends well, nothing else is; the next run, with 256 descriptors, goes on."""
    with slow_drift(fleet, *WORKERS, seconds=10):
        run = Started(fleet)
        run.wait_until_it_changes(*WORKERS)
        run.process.send_signal(signal.SIGINT)
        done = run.end()

    assert 130 == done.returncode
    assert dict.fromkeys(WORKERS, "done") == run.outcomes
    assert "failed" == run.journal.state
    assert "interrupted" in run.journal.reason
    assert next(phase.title for phase in PROVISION if phase.run is baseline) == run.journal.steps[-1].name
    few = Started(fleet, "prlimit", "--nofile=256:256", COMMAND, "provision", "--yes").end()
    assert 0 == few.returncode, few.stdout


@pytest.mark.exhaustive
def test_second_interrupt_ends_the_run_at_once(fleet: Fleet) -> None:
    """After the second Ctrl-C the run has ended in seconds, with unknown results; the next one waits for the nodes."""
    with slow_drift(fleet, *WORKERS, seconds=9):
        run = Started(fleet)
        run.wait_until_it_changes(*WORKERS)
        begin = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        run.process.send_signal(signal.SIGINT)
        done = run.end()
        seconds = time.monotonic() - begin
        mend(fleet)

    assert 130 == done.returncode
    assert seconds < 6
    assert dict.fromkeys(WORKERS) == run.outcomes
    assert "failed" == run.journal.state
