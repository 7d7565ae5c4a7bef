"""The baseline on real nodes: what it lets in and shuts out, and that it can be told control by control."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_fleet import Fleet, make_fleet
from nornir.core.task import Result, Task
from ruamel.yaml import YAML

from koprogo_fleet.core.errors import KoprogoError, NotConverged, SshError, Unreachable
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.baseline import ban
from koprogo_fleet.hosts.resources import Ufw, UfwRule
from koprogo_fleet.ssh.connection import drop_session, session_for
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_tasks import converge

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

SERVER, WORKER = "koprogo-cp-1", "koprogo-worker-1"
ALICE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlh0ZB0v6mRkOcVYdZ0bVvYyQyqQ3n1i1m1zq3z3x3a alice@laptop"
BAN_TRIES = 3


def write(fleet: Fleet, **sections: Any) -> None:
    """Write a fleet.yaml of one server and one worker with a disk, with these *sections*."""
    yaml = YAML()
    path = fleet.inventory / "fleet.yaml"
    document = yaml.load(path)
    for name in ("load_balancer", "dns", "backups"):
        document.pop(name, None)
    document["network"].pop("gateway", None)
    for pool in document["pools"]:
        pool["count"] = 1
    for name, section in sections.items():
        document[name] = section
    yaml.dump(document, path)


def report(fleet: Fleet, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run ``harden --json`` and return its exit code, and what it printed."""
    done = fleet.run("harden", *arguments, "--json")
    assert done.returncode in {0, 3}, done.stdout + done.stderr

    return done.returncode, json.loads(done.stdout)


def status_of(found: dict[str, Any], node: str, number: str) -> tuple[str, str]:
    """Return the state of a control of the benchmark, or of one by its title, on a node, and the reason."""
    return next(
        (item["status"], item["reason"]) for item in found["nodes"][node] if number in {item["number"], item["title"]}
    )


def wrong(found: dict[str, Any]) -> dict[str, str]:
    """Return what is not, or was not, as it should be, with the reason."""
    return {
        f"{node}: {item['number'] or item['title']}": item["reason"]
        for node, items in found["nodes"].items()
        for item in items
        if item["status"] in {"fail", "fixed"}
    }


@pytest.fixture(scope="module")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, dict[str, Any], dict[str, Any]]]:
    """Make two nodes, look at them as they come, and bring their baseline about; Kubernetes is not needed."""
    fleet = make_fleet("t-harden", tmp_path_factory.mktemp("harden"))
    write(
        fleet,
        hardening={"ban": {"tries": BAN_TRIES, "minutes": 5}},
        people=[{"name": "alice", "keys": [ALICE]}, {"name": "bob", "keys": [ALICE.replace("alice", "bob")]}],
    )
    try:
        wanted = str(fleet.root / "plan.json")
        for command in (("cloud", "plan", "--out", wanted), ("cloud", "apply", wanted), ("inventory", "sync")):
            done = fleet.run(*command)
            assert done.returncode in {0, 3}, done.stdout + done.stderr
        wait_for("the nodes to let us in", lambda: _look(fleet), seconds=180, interval=2)
        code, before = report(fleet, "--report")
        assert code == 3
        code, done = report(fleet, "--yes")
        assert code == 0
        yield fleet, before, done
    finally:
        fleet.run("lab", "down")


def _look(fleet: Fleet) -> None:
    for node in (SERVER, WORKER):
        try:
            fleet.on(node, "grep -q errors /run/cloud-init/result.json")
        except (SshError, AssertionError) as error:
            raise NotYet(str(error)[:200]) from error


def test_report(hardened: tuple[Fleet, dict[str, Any], dict[str, Any]], tmp_path: Path) -> None:
    """Every control is fail, then fixed, then pass, or not applicable with a reason; a second run changes nothing."""
    fleet, before, done = hardened
    page = tmp_path / "hardening.html"

    assert "fail" == status_of(before, SERVER, "5.1.16")[0]
    assert "fixed" == status_of(done, SERVER, "5.1.16")[0]
    code, after = report(fleet, "--report", "--html", str(page))
    assert {} == wrong(after)
    assert 0 == code
    assert "pass" == status_of(after, SERVER, "5.1.16")[0]
    assert {"pass", "not applicable"} == {item["status"] for item in after["nodes"][WORKER]}
    assert ("not applicable", "the kernel's audit system belongs to the container's host") == status_of(
        done, SERVER, "6.2.1.2"
    )
    assert all(item["reason"] for item in after["nodes"][WORKER] if item["status"] == "not applicable")
    assert "Ensure" not in page.read_text()
    assert page.read_text().count("<tr>") > 60
    assert {} == wrong(report(fleet, "--yes")[1])


def test_what_is_undone_by_hand_is_seen(hardened: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    """A setting that somebody changed fails in the report, on that node alone, and is fixed by the next run."""
    fleet, _, _ = hardened
    fleet.on(WORKER, "sed -i 's/^MaxAuthTries .*/MaxAuthTries 20/' /etc/ssh/sshd_config.d/10-koprogo.conf")
    fleet.on(WORKER, "nft delete table inet koprogo_nodeports; sysctl -qw net.ipv4.conf.all.accept_redirects=1")

    code, found = report(fleet, "--report")

    assert 3 == code
    expected = {"5.1.16", "3.3.5", "NodePorts are open to the load balancer alone"}
    assert {f"{WORKER}: {control}" for control in expected} == wrong(found).keys()
    assert "fixed" == status_of(report(fleet, "--yes")[1], WORKER, "3.3.5")[0]
    assert {} == wrong(report(fleet, "--report")[1])


@pytest.mark.exhaustive
def test_rules_that_lock_us_out_go_by_themselves(hardened: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    """When no new connection comes through new rules, the run says so, and the node has its old ones back in time."""
    fleet, _, _ = hardened
    before = fleet.on(SERVER, "iptables -S ufw-user-input; cat /etc/ufw/user.rules")
    shut = Ufw((UfwRule("22", "tcp", "192.0.2.1"),), probation_seconds=45)
    nornir = open_nornir(fleet.inventory)

    def lock_out(task: Task) -> Result:
        return converge(task, [shut])

    try:
        answer = nornir.filter(name=SERVER).run(task=lock_out)[SERVER]
        assert isinstance(answer.exception, NotConverged), answer.exception
        assert "no new connection" in str(answer.exception)
        host = nornir.inventory.hosts[SERVER]

        def back() -> None:
            drop_session(host)
            try:
                session_for(host, nornir.config)
            except Unreachable as error:
                raise NotYet(error.seen) from error

        wait_for("the old rules", back, seconds=60, interval=1)
    finally:
        nornir.close_connections()
    wait_for("the undo's end", lambda: _settled(fleet), seconds=30, interval=1)
    assert before.split("# generated")[0].splitlines()[0] == "-N ufw-user-input"
    assert _rules(before) == _rules(fleet.on(SERVER, "iptables -S ufw-user-input; cat /etc/ufw/user.rules"))
    assert {} == wrong(report(fleet, "--report")[1])


def _settled(fleet: Fleet) -> None:
    if fleet.on(SERVER, "ls -d /var/lib/koprogo-fleet/firewall 2>/dev/null || :").strip():
        raise NotYet("it is not gone")


def _rules(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("-A ufw-user-input", "### tuple"))]


@pytest.mark.exhaustive
def test_an_unconfirmed_change_is_taken_up_by_the_next_run(
    hardened: tuple[Fleet, dict[str, Any], dict[str, Any]],
) -> None:
    """New rules whose run was killed before it confirmed them do not count as done, though they are in force."""
    fleet, _, _ = hardened
    looked = open_nornir(fleet.inventory)
    opened = Ufw((UfwRule("22", "tcp", comment="ssh"), UfwRule("4711", "tcp", "10.0.0.99", "by hand")))
    session = session_for(looked.inventory.hosts[WORKER], looked.config)
    fact = session.run_as_root("sh -s", stdin=opened.look().encode(), timeout=30)
    from koprogo_fleet.hosts.resource import Change, Fact

    change = opened.decide(Fact(fact.exit_status, fact.stdout))
    assert isinstance(change, Change)
    done = session.run_as_root("sh -es", stdin=change.script.encode(), timeout=60)
    looked.close_connections()

    assert 0 == done.exit_status, done.stderr
    assert "4711" in fleet.on(WORKER, "iptables -S ufw-user-input")
    assert "4711" not in fleet.on(WORKER, "cat /etc/ufw/user.rules")
    code, found = report(fleet, "--yes")
    assert (0, "fixed") == (code, status_of(found, WORKER, "4.2.6")[0])
    assert "4711" not in fleet.on(WORKER, "iptables -S ufw-user-input")
    assert "inactive" in fleet.on(WORKER, "systemctl is-active koprogo-firewall-undo.timer || :")


@pytest.mark.exhaustive
def test_brute_force(hardened: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    """Who fails to log in again and again is shut out; a peer in the vRack and the controller never are."""
    fleet, _, _ = hardened
    address = open_nornir(fleet.inventory).inventory.hosts[SERVER].hostname
    guess = (
        "for user in admin oracle postgres root test guest; do "
        "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=3 "
        "-o PubkeyAuthentication=no {where} true 2>/dev/null </dev/null || :; done"
    )
    fleet.on(WORKER, guess.format(where="-l $user 10.0.0.11"))
    for _ in range(8):
        with pytest.raises((KoprogoError, AssertionError)):
            _guess_as_controller(fleet)
    fleet.on(WORKER, guess.format(where=f"-l $user {address}"), timeout=120)

    def banned() -> str:
        told = fleet.on(SERVER, "fail2ban-client get sshd banip").split()
        if not told:
            raise NotYet("nobody is banned")
        return " ".join(told)

    attacker = open_nornir(fleet.inventory).inventory.hosts[WORKER].hostname
    assert attacker == wait_for("the guesser to be banned", banned, seconds=30)
    refused = fleet.on(WORKER, f"timeout 4 bash -c '</dev/tcp/{address}/22' 2>&1 && echo open || echo shut")
    assert "shut" in refused
    assert "open" in fleet.on(WORKER, "timeout 4 bash -c '</dev/tcp/10.0.0.11/22' && echo open")
    assert {} == wrong(report(fleet, "--report")[1])
    assert ban.PATH in fleet.on(SERVER, f"ls {ban.PATH}")


def _guess_as_controller(fleet: Fleet) -> None:
    nornir = open_nornir(fleet.inventory)
    host = nornir.inventory.hosts[SERVER]
    host.username = "nobody-here"
    try:
        session_for(host, nornir.config)
    finally:
        nornir.close_connections()


@pytest.mark.exhaustive
def test_people_come_and_go(hardened: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    """Who left fleet.yaml has neither key nor login any more; who comes back has both."""
    fleet, _, _ = hardened
    keys = "cat /home/{0}/.ssh/authorized_keys; getent shadow {0} | cut -d : -f 8"
    assert ALICE in fleet.on(SERVER, keys.format("alice"))
    both = [{"name": "alice", "keys": [ALICE]}, {"name": "bob", "keys": [ALICE.replace("alice", "bob")]}]

    write(fleet, people=both[1:])
    assert "fixed" == status_of(report(fleet, "--yes")[1], SERVER, "People are those of fleet.yaml")[0]

    left = fleet.on(SERVER, "ls /home/alice/.ssh; getent passwd alice; getent shadow alice | cut -d : -f 8")
    assert "authorized_keys" not in left
    assert "/usr/sbin/nologin\n1" in left
    assert "bob" in fleet.on(SERVER, keys.format("bob"))
    assert {} == wrong(report(fleet, "--report")[1])
    write(fleet, people=both)
    assert 0 == report(fleet, "--yes")[0]
    assert f"{ALICE}\n\n" in fleet.on(SERVER, keys.format("alice"))
    assert {} == wrong(report(fleet, "--report")[1])


@pytest.mark.exhaustive
def test_a_clock_that_is_wrong(hardened: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    """A node whose clock is an hour ahead is named with its skew, and nothing on it is changed; so K3s never starts there."""
    fleet, _, _ = hardened
    fleet.on(
        WORKER,
        "printf '#!/bin/sh\\n/usr/bin/date -d +1hour \"$@\"\\n' >/usr/local/bin/date; chmod +x /usr/local/bin/date",
    )
    fleet.on(WORKER, "rm /etc/multipath/conf.d/koprogo.conf")
    try:
        done = fleet.run("harden", "--yes")

        assert 1 == done.returncode, done.stdout
        assert "3600 s ahead" in done.stderr or "3599 s ahead" in done.stderr
        assert "" == fleet.on(WORKER, "ls /etc/multipath/conf.d/")
    finally:
        fleet.on(WORKER, "rm /usr/local/bin/date")
    assert 0 == report(fleet, "--yes")[0]


@pytest.mark.exhaustive
def test_node_ports(hardened: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    """What listens on an ingress NodePort answers a control plane; anybody else is dropped before anything else is asked."""
    fleet, _, _ = hardened
    fleet.on(WORKER, "systemd-run --quiet --unit=t-port python3 -m http.server 30080; sleep 1")
    address = open_nornir(fleet.inventory).inventory.hosts[WORKER].hostname
    try:
        assert "200" in fleet.on(SERVER, "curl -s -o /dev/null -w '%{http_code}' http://10.0.0.21:30080/")
        told = fleet.on(SERVER, f"curl -s -m 3 -o /dev/null http://{address}:30080/ || echo refused")
        assert "refused" in told
        assert "packets 0" not in fleet.on(WORKER, "nft list table inet koprogo_nodeports | grep drop")
    finally:
        fleet.on(WORKER, "systemctl stop t-port")
