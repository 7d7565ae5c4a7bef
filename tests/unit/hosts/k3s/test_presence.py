"""What a node shows of K3s, read from what the look prints; and that the look runs where there is nothing."""

from __future__ import annotations

import json
import subprocess

from koprogo_fleet.hosts.k3s import uninstall
from koprogo_fleet.hosts.k3s.presence import LOOK, Member, Presence, parse

MEMBERS = json.dumps(
    {
        "header": {"cluster_id": "77", "member_id": "1"},
        "members": [
            {"ID": "1", "name": "koprogo-cp-1-0a1b2c3d", "peerURLs": ["https://10.0.0.11:2380"]},
            {"ID": "2", "peerURLs": ["https://10.0.0.12:2380"], "isLearner": True},
        ],
    }
)


def test_a_server_that_serves() -> None:
    """Its etcd's list has names, addresses and learners; one that has never started has no name."""
    output = f'k3s=active\nserver="https://10.0.0.12:6443"\nwal=yes\npassword=yes\nhealth={{"health":"true"}}\nmembers={MEMBERS}\n'

    found = parse(output)

    assert (True, "77", "10.0.0.12") == (found.serves, found.cluster, found.server)
    assert (
        Member("1", "koprogo-cp-1-0a1b2c3d", "10.0.0.11", learner=False),
        Member("2", "", "10.0.0.12", learner=True),
    ) == found.members


def test_a_member_is_known_by_name_or_address() -> None:
    """In this life or a former one; a name that only begins the same is another's."""
    member = Member("1", "koprogo-cp-1-0a1b2c3d", "10.0.0.11", learner=False)

    assert member.is_of("koprogo-cp-1", "10.9.9.9")
    assert member.is_of("other", "10.0.0.11")
    assert not member.is_of("koprogo-cp", "10.0.0.12")
    assert not member.is_of("koprogo-cp-11", "10.0.0.12")


def test_cluster_init_is_seen() -> None:
    """As it is written in the configuration."""
    assert parse("founds=true\n").founds
    assert not parse("founds=\nfounds2=true\n").founds


def test_nothing_is_nothing() -> None:
    """No output, and noise, mean a node without K3s."""
    assert Presence() == parse("")
    assert Presence() == parse("motd\n{}=\n")


def test_the_looks_run_where_there_is_no_k3s() -> None:
    """As on a fresh machine: they end well, and say that nothing is there."""
    said = subprocess.run(["sh", "-s"], input=LOOK, capture_output=True, text=True, check=True, timeout=30).stdout
    left = subprocess.run(
        ["sh", "-s"], input=uninstall.LOOK, capture_output=True, text=True, check=True, timeout=30
    ).stdout

    assert not parse(said).has_data
    assert not parse(said).active
    assert all(path.startswith("/") for path in uninstall.left(left))


def test_the_removal_is_sound_shell() -> None:
    """The shell that runs on nodes can read it."""
    subprocess.run(["sh", "-n"], input=uninstall.SCRIPT, text=True, check=True, timeout=10)
