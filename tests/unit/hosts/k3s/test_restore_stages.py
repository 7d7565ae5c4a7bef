"""How far a restore is, told by what the servers show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import restore_scripts as scripts
from koprogo_fleet.hosts.k3s.health import ServerHealth
from koprogo_fleet.hosts.k3s.restore import (
    Mark,
    Seen,
    Step,
    answers,
    joined,
    operation,
    other_operations,
    parse_mark,
    parse_seen,
    step_of_chosen,
    step_of_peer,
    survivor,
)

OPERATION = operation("restore", "cp-1", "a" * 64)
MEMBERS = ("cp-1-aa", "cp-2-bb")
WELL = ServerHealth("active", "v1.33", members=MEMBERS, etcd_healthy=True, leader="cp-1-aa", database_bytes=1, api="ok")
DOWN = ServerHealth("inactive", "v1.33", members=(), etcd_healthy=False, leader=None, database_bytes=0, api="no answer")
SERVING = Seen(WELL, None, has_data=True, member="cp-1-aa", applied=100)
STOPPED = Seen(DOWN, None, has_data=True, member="cp-1-aa", applied=0)


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (None, Step.UNTOUCHED),
        (Mark("repair:cp-1", Step.RESET), Step.UNTOUCHED),
        (Mark(OPERATION, Step.BEGUN), Step.BEGUN),
        (Mark(OPERATION, Step.RESET), Step.RESET),
        (Mark(OPERATION, Step.STARTED), Step.STARTED),
    ],
)
def test_the_chosen_server_tells_how_far_it_is(mark: Mark | None, expected: Step) -> None:
    """Another operation's mark counts for nothing."""
    assert step_of_chosen(replace(STOPPED, mark=mark), OPERATION) is expected


def test_a_peer_tells_how_far_it_is() -> None:
    """Only the mark of the same operation counts."""
    wiping = replace(STOPPED, mark=Mark(OPERATION, Step.WIPING, "etcd-old-1"))

    assert step_of_peer(STOPPED, OPERATION) is Step.UNTOUCHED
    assert step_of_peer(wiping, OPERATION) is Step.WIPING
    assert step_of_peer(wiping, "repair:cp-1") is Step.UNTOUCHED
    assert other_operations({"cp-2": wiping, "cp-3": STOPPED}, "repair:cp-1") == {"cp-2": wiping.mark}


@pytest.mark.parametrize("mark", [Mark(OPERATION, Step.WIPED, "etcd-old-5"), Mark("repair:cp-3", Step.BEGUN)])
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    """A mark survives its file; what is none is None."""
    assert parse_mark(str(mark)) == mark
    assert parse_mark("half") is None
    assert parse_mark("a nonsense") is None


def test_a_peer_has_joined_only_when_it_votes_in_the_same_cluster() -> None:
    """One that is healthy in its former cluster, or that the chosen one does not list, has not joined."""
    peer = replace(SERVING, member="cp-2-bb")

    assert joined(peer, SERVING)
    assert not joined(replace(peer, member="cp-2-old"), SERVING)
    assert not joined(replace(peer, health=replace(WELL, members=("cp-2-bb", "cp-3-cc"))), SERVING)
    assert not joined(replace(peer, health=replace(WELL, etcd_healthy=False)), SERVING)
    assert not joined(replace(peer, health=DOWN), SERVING)


@pytest.mark.parametrize(
    ("health", "why"),
    [
        (WELL, ""),
        (DOWN, "K3s is inactive"),
        (replace(WELL, etcd_healthy=False), "its etcd does not serve"),
        (replace(WELL, members=("cp-9-zz",)), "not itself"),
        (replace(WELL, api="not ready: etcd"), "not ready: etcd"),
    ],
)
def test_nobodys_data_go_before_the_chosen_one_answers(health: ServerHealth, why: str) -> None:
    """Service, etcd, membership and API all have to be well."""
    assert why in answers(replace(SERVING, health=health))
    assert bool(why) == bool(answers(replace(SERVING, health=health)))


def test_the_survivor_is_the_only_one_with_data_or_the_one_that_came_furthest() -> None:
    """Where etcd does not say how far it has come on each, nobody is chosen."""
    empty = replace(STOPPED, has_data=False)

    assert survivor({"cp-1": empty, "cp-2": STOPPED, "cp-3": empty}) == "cp-2"
    assert survivor({"cp-1": empty}) is None
    assert survivor({"cp-1": replace(SERVING, applied=7), "cp-2": replace(SERVING, applied=9)}) == "cp-2"
    assert survivor({"cp-1": replace(SERVING, applied=7), "cp-2": STOPPED}) is None


def test_a_server_is_seen_through_its_own_words() -> None:
    """The answers of health, mark, flag, data and member are each found in what the script prints."""
    printed = (
        "ActiveState=active Job=  \nk3s version v1\n\n\n\nok\nhas etcd data\n"
        f"koprogo mark {OPERATION} started\nkoprogo has-data\nkoprogo member cp-1-aa\n"
        'koprogo installed\nkoprogo status {"header":{"revision":"5"},"raftAppliedIndex":"812"}\n'
    )
    seen = parse_seen(printed)

    assert (seen.mark, seen.has_data) == (Mark(OPERATION, Step.STARTED), True)
    assert (seen.member, seen.applied, seen.installed) == ("cp-1-aa", 812, True)
    assert (seen.health.service, seen.health.api) == ("active", "ok")


def test_a_script_that_puts_data_away_refuses_on_the_chosen_server() -> None:
    """Each step that only the chosen server has stops it before anything is done."""
    script = scripts.wipe_script(OPERATION, "etcd-old-1")
    refusal = script.splitlines()[2]

    assert all(f"*' {step}'*" in refusal for step in (Step.BEGUN, Step.RESET, Step.STARTED))
    assert script.index("exit 1 ;; esac") < script.index("systemctl stop k3s")
    assert "mv /var/lib/rancher/k3s/server/db/etcd " in script
    assert "rm -rf" not in script


def test_a_reset_joins_nobody_and_reads_no_bucket() -> None:
    """The server to join is overridden, S3 switched off for a file on the disk, and the token not an argument."""
    script = scripts.reset_script(OPERATION, Secret("it's secret"), from_snapshot=True).reveal()
    command = next(line for line in script.splitlines() if "--cluster-reset" in line)

    assert "--server= --cluster-reset --cluster-reset-restore-path=" in command
    assert "--etcd-s3=false" in command
    assert "secret" not in command
    assert "restore-path" not in scripts.reset_script(OPERATION, None, from_snapshot=False).reveal()
