"""What K3s' journal means."""

from __future__ import annotations

import pytest

from koprogo_fleet.hosts.k3s.diagnosis import diagnose

JOURNALS = [
    (
        (
            'level=fatal msg="starting kubernetes: preparing server: failed to validate connection to cluster at '
            'https://10.0.0.11:6443: token CA hash does not match the Cluster CA certificate hash: a != b"'
        ),
        "the K3s token on this node is not the cluster's",
    ),
    (
        (
            'level=fatal msg="Error: preparing server: init cluster datastore and https: '
            'listen tcp :6443: bind: address already in use"'
        ),
        "another program listens on a port that K3s needs",
    ),
    ("failed to find memory cgroup\nwrite /var/lib/rancher/x: no space left on device", "the node's disk is full"),
    ("Waiting for other members to finish joining etcd cluster", "another etcd member is still joining"),
]


@pytest.mark.parametrize(("journal", "cause"), JOURNALS)
def test_a_known_line_is_explained(journal: str, cause: str) -> None:
    """A line that K3s is known to write gets its cause in words."""
    diagnosis = diagnose(journal)

    assert diagnosis is not None
    assert cause == diagnosis.cause


def test_an_unknown_journal_is_not_explained() -> None:
    """No cause is made up for lines that are not known."""
    assert diagnose("Starting k3s v1.33.4+k3s1\nRunning load balancer") is None


def test_the_last_telling_line_wins() -> None:
    """Of several known lines the newest counts: it is why the service is down now."""
    diagnosis = diagnose("no space left on device\nlisten tcp :6443: bind: address already in use\nexiting")

    assert diagnosis is not None
    assert diagnosis.cause == "another program listens on a port that K3s needs"


def test_only_what_waiting_cannot_mend_is_hopeless() -> None:
    """A member that is still joining is worth waiting for; a wrong token is not."""
    joining = diagnose("too many learner members in cluster")
    wrong_token = diagnose("token CA hash does not match")

    assert joining is not None
    assert wrong_token is not None
    assert (False, True) == (joining.hopeless, wrong_token.hopeless)
