"""What the control plane's answers mean."""

from __future__ import annotations

from koprogo_fleet.hosts.k3s.health import ServerHealth, explain, parse

MEMBERS = '{"members":[{"ID":"11","name":"cp-1"},{"ID":"22","name":"cp-2"},{"ID":"33","name":"cp-3"}]}'


def health(*, service: str = "active", etcd_healthy: bool = True) -> ServerHealth:
    """Return a server that is well but for the given."""
    return ServerHealth(service, "k3s version v1", etcd_healthy, ("cp-1", "cp-2", "cp-3"), "cp-1", 1, "ok")


def test_a_healthy_server_is_read() -> None:
    """Every answer of a healthy server has its place."""
    output = f'active\nk3s version v1\n{{"health":"true"}}\n{MEMBERS}\n{{"leader":"11","dbSize":"1"}}\nok\n'

    assert health() == parse(output)


def test_a_dead_server_is_unhealthy_not_an_error() -> None:
    """A server that answers nothing is reported as such."""
    found = parse("inactive\n\n\n\n\nconnection refused")

    assert ("inactive", False, (), None, "connection refused") == (
        found.service,
        found.etcd_healthy,
        found.members,
        found.leader,
        found.api,
    )


def test_two_of_three_say_how_many_more_may_fail() -> None:
    """With one server lost the verdict says that none more may fail."""
    assert "2 of 3 members are up; the API works, and 0 more may fail" in explain([health(), health(), None])


def test_a_lost_quorum_says_how_many_are_needed() -> None:
    """With two servers lost the verdict says that writes are refused, and why."""
    assert (
        "etcd has lost its quorum: 1 of 3 members are up, 2 are needed; "
        "the API refuses writes until another server is back"
    ) == explain([health(etcd_healthy=False), None, None])
