"""K3s' tokens: their forms, which of them a server accepts, and how another one is ordered."""

from __future__ import annotations

import base64
import json

import pytest

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s.tokens import (
    TokenState,
    look,
    parse_look,
    password_of,
    rotate_script,
    storage_key,
    to_restart,
    who_shall_ask,
    with_password,
)

HASH = "0f" * 32


@pytest.mark.parametrize(
    ("token", "password", "with_new"),
    [
        ("old\n", "old", "new"),
        (f"K10{HASH}::server:old", "old", f"K10{HASH}::server:new"),
        (f"K10{HASH}::node:o:ld\n", "o:ld", f"K10{HASH}::node:new"),
    ],
)
def test_a_token_keeps_its_form(token: str, password: str, with_new: str) -> None:
    """Another password is put into the same form: bare, or with the cluster's hash and the user."""
    assert (password, with_new) == (
        password_of(Secret(token)).reveal(),
        with_password(Secret(token), Secret("new")).reveal(),
    )


def test_the_data_in_etcd_are_named_as_k3s_names_them() -> None:
    """The key is the first 12 digits of the password's SHA-256 (K3s, pkg/cluster/encrypt.go)."""
    assert storage_key(Secret("secret")) == "/bootstrap/2bb80d537b1d"


def test_what_a_server_says_is_read() -> None:
    """401, 403 and silence refuse a password; any other answer comes after it was accepted."""
    keys = {"kvs": [{"key": base64.b64encode(b"/bootstrap/abc").decode()}]}
    output = f"current 401\nnext 200\nother 000\nstored {json.dumps(keys)}\nstale\n"

    assert TokenState(frozenset({"next"}), frozenset({"/bootstrap/abc"}), stale=True) == parse_look(output)
    assert TokenState(frozenset(), frozenset(), stale=False) == parse_look("current 000\nstored \n")
    assert {"current"} == parse_look("current 500\n").accepts


def test_no_secret_is_in_an_argument() -> None:
    """Passwords are in curl's configuration, which it reads from stdin, quoted as curl wants it."""
    hostile = 'a"b\\c$(id)'
    for script in (
        look("server", {"next": Secret(hostile)}, "/t").decode(),
        rotate_script(Secret(hostile), Secret("n")),
    ):
        lines = [line for line in script.splitlines() if 'a\\"b' in line]
        assert lines == ['user = "server:a\\"b\\\\c$(id)"']


def test_who_is_asked_and_who_restarted() -> None:
    """The first server that takes the current token orders; whoever runs with another, or read no new file, restarts."""
    states = {
        "one": TokenState(frozenset({"next"}), frozenset(), stale=False),
        "two": TokenState(frozenset({"next"}), frozenset(), stale=True),
        "three": TokenState(frozenset({"current"}), frozenset(), stale=False),
    }

    assert who_shall_ask(states, "current") == "three"
    assert to_restart(states, "next") == ("two", "three")
