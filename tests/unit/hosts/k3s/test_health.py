"""What the control plane's answers mean."""

from __future__ import annotations

from dataclasses import replace

from koprogo_fleet.core.quorum import EtcdHealth
from koprogo_fleet.hosts.k3s.health import ServerHealth, etcd_health, explain, parse

MEMBERS = '{"members":[{"ID":"11","name":"cp-1-a1"},{"ID":"22","name":"cp-2-b2"},{"ID":"33","name":"cp-3-c3"}%s]}'
NAMES = ("cp-1-a1", "cp-2-b2", "cp-3-c3")


def health(**but: object) -> ServerHealth:
    """Return a server that is well but for the given."""
    well = ServerHealth("active", "k3s version v1", True, NAMES, "cp-1-a1", 1, "ok", False, True, True)  # noqa: FBT003 - as in the class
    return replace(well, **but)  # type: ignore[arg-type] - names of fields


def seen(members: str, *, healthy: str, down: str = "") -> EtcdHealth:
    """Return what was seen, with the names given in words."""
    return EtcdHealth(frozenset(members.split()), frozenset(healthy.split()), frozenset(down.split()))


def test_a_healthy_server_is_read() -> None:
    """Every answer of a healthy server has its place."""
    rest = 'k3s version v1\n{"health":"true"}\n%s\n{"leader":"11","dbSize":"1"}\nok\nhas etcd data\n'
    learner = MEMBERS % ',{"ID":"44","name":"cp-4","isLearner":true}'

    assert health() == parse("ActiveState=active \n" + rest % (MEMBERS % ""))
    assert health(learners=("cp-4",)) == parse("ActiveState=active Job=0\n" + rest % learner)
    assert health(job_pending=True) == parse("ActiveState=active Job=123 \n" + rest % (MEMBERS % ""))


def test_a_dead_server_is_unhealthy_not_an_error() -> None:
    """A server that answers nothing is reported as such."""
    found = parse("ActiveState=inactive \n\n\n\n\nconnection refused")

    assert ("inactive", False, (), None, "connection refused") == (
        found.service,
        found.etcd_healthy,
        found.members,
        found.leader,
        found.api,
    )


def test_an_api_server_that_is_not_ready_says_what_is_missing() -> None:
    """Of the list of all checks, those that failed are told."""
    answer = 'Error: an error on the server ("[+]ping ok\\n[+]log ok\\n[-]etcd failed: reason withheld\\nreadyz check failed")'

    assert "not ready: etcd" == parse(f"ActiveState=active\n\n\n\n\n{answer}\n").api


def test_two_of_three_say_how_many_more_may_fail() -> None:
    """With one server lost the verdict says that none more may fail."""
    assert "2 of 3 members are up; the API works, and 0 more may fail" in explain([health(), health(), None])


def test_a_lost_quorum_says_how_many_are_needed() -> None:
    """With two servers lost the verdict says that writes are refused, and why."""
    assert (
        "etcd has lost its quorum: 1 of 3 members are up, 2 are needed; "
        "the API refuses writes until another server is back"
    ) == explain([health(etcd_healthy=False), None, None])


def test_a_member_counts_as_its_server() -> None:
    """Members are told by their servers' names; one of no server of ours counts by its own."""
    servers = {"cp-1": health(members=(*NAMES, "other-x")), "cp-2": health(), "cp-3": health(service="activating")}

    assert seen("cp-1 cp-2 cp-3 other-x", healthy="cp-1 cp-2") == etcd_health(servers)


def test_a_server_that_is_about_to_restart_is_not_counted_on() -> None:
    """Healthy is who will stay so: a pending job of systemd, no answer, or a service that is not up yet are not."""
    servers = {"cp-1": health(), "cp-2": health(job_pending=True), "cp-3": None}

    assert seen("cp-1 cp-2 cp-3", healthy="cp-1") == etcd_health(servers)


def test_down_is_only_who_was_asked_and_has_no_etcd() -> None:
    """A member without an etcd that answers is down; one that waits for its peers, or does not answer us, is in doubt."""
    stopped = health(service="failed", etcd_healthy=False, members=(), etcd_answers=False)
    alone = health(etcd_healthy=False)

    found = etcd_health({"cp-1": stopped, "cp-2": alone, "cp-3": None})
    assert seen("cp-1 cp-2 cp-3", healthy="", down="cp-1") == found


def test_without_a_list_whoever_may_be_a_member_counts() -> None:
    """While no etcd answers, its data on a server or silence count as a member; a server before its first start does not."""
    down = health(etcd_healthy=False, members=(), etcd_answers=False)
    new = health(service="inactive", etcd_healthy=False, members=(), has_etcd_data=False, etcd_answers=False)

    found = etcd_health({"cp-1": down, "cp-2": None, "cp-3": new})
    assert seen("cp-1 cp-2", healthy="", down="cp-1") == found
    assert seen("", healthy="") == etcd_health({"cp-1": new, "cp-2": new})
