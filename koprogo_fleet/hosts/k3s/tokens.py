"""
K3s' tokens on a server: what they look like, which of them a server accepts, and how it is given another.

Sources: docs.k3s.io, "token" (the forms); K3s' pkg/server/handlers/token.go (``PUT /v1-k3s/token``), pkg/cluster/encrypt.go
(the name of the bootstrap data in etcd). ``k3s token rotate`` is only a wrapper around that request (k3s-io/k3s#8265), and it
takes the new token from its command line alone, where every user of the node can read it: so the request is made here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.etcd_gateway import ASK_ETCD

SUPERVISOR = "https://localhost:6443"
_CURL = f"curl --silent --max-time 15 --cacert {paths.SERVER_CA} --config -"
_REFUSED = {0, 401, 403}
_FULL = re.compile(r"(K10[0-9a-f]{64}::)([^:\s]+):(\S+)")
_ASKED = {"server": "/v1-k3s/encrypt/status", "node": "/v1-k3s/config"}
"""A request that only the holder of the user's password may make, and that changes nothing."""


@dataclass(frozen=True)
class TokenState:
    """
    What one server says about tokens.

    Attributes:
        accepts: the labels of those passwords that it accepts now, see :func:`look`.
        stored: the names of the bootstrap data in etcd, see :func:`storage_key`.
        stale: a token's file on this node is younger than the K3s that runs there.
    """

    accepts: frozenset[str]
    stored: frozenset[str]
    stale: bool


def password_of(token: Secret) -> Secret:
    """Return the password of a token in any form."""
    found = _FULL.fullmatch(token.reveal().strip())
    return Secret(found[3] if found else token.reveal().strip())


def with_password(token: Secret, password: Secret) -> Secret:
    """Return a token in the form of *token* (bare, or with the cluster's hash and the user) for another password."""
    found = _FULL.fullmatch(token.reveal().strip())
    return Secret(f"{found[1]}{found[2]}:{password.reveal()}") if found else password


def storage_key(password: Secret) -> str:
    """Return under which name etcd has what servers share, while *password* is the server token's."""
    return f"/bootstrap/{hashlib.sha256(password.reveal().encode()).hexdigest()[:12]}"


def look(user: str, passwords: Mapping[str, Secret], token_file: str, unit: str = "k3s") -> bytes:
    """
    Return the script that tells a node's :class:`TokenState`; for stdin, as it holds the *passwords*.

    Args:
        user: "server" or "node".
        passwords: to be tried, by label; an agent accepts none.
        token_file: whose age is compared with K3s'.
        unit: K3s' unit on this node.
    """
    lines = [
        f"printf '%s ' {label}\n{_CURL} --output /dev/null --write-out '%{{http_code}}' {SUPERVISOR}{_ASKED[user]} "
        f"<<'KOPROGO_END'\nuser = {_quoted(f'{user}:{password.reveal()}')}\nKOPROGO_END\necho"
        for label, password in passwords.items()
    ]
    query = json.dumps({"key": _encoded("/bootstrap/"), "range_end": _encoded("/bootstrap0"), "keys_only": True})
    lines += [
        "printf 'stored '",
        f"{ASK_ETCD}ask_etcd /v3/kv/range '{query}'",
        f'began=$(date +%s -d "$(systemctl show {unit} --property=ExecMainStartTimestamp --value)" 2>/dev/null || echo 0)',
        f'[ "$(stat -c %Y {token_file} 2>/dev/null || echo 0)" -lt "$began" ] || echo stale',
    ]
    return ("\n".join(lines) + "\n").encode()


def parse_look(output: str) -> TokenState:
    """Return the meaning of :func:`look`'s output."""
    accepts, stored, stale = set(), set[str](), False
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word == "stale":
            stale = True
        elif word == "stored":
            stored |= {base64.b64decode(item["key"]).decode() for item in _object(rest).get("kvs", ())}
        elif rest.isdigit() and int(rest) not in _REFUSED:
            accepts.add(word)
    return TokenState(frozenset(accepts), frozenset(stored), stale)


def rotate_script(current: Secret, new: Secret) -> str:
    """Return sh that asks this server for a new server token; prints K3s' answer and its HTTP status. Holds secrets."""
    body = json.dumps({"newToken": new.reveal()})
    return (
        f"{_CURL} --request PUT --write-out '\\n%{{http_code}}\\n' {SUPERVISOR}/v1-k3s/token <<'KOPROGO_END'\n"
        f"user = {_quoted(f'server:{current.reveal()}')}\n"
        f'header = "Content-Type: application/json"\ndata = {_quoted(body)}\nKOPROGO_END\n'
    )


def who_shall_ask(states: Mapping[str, TokenState], current: str) -> str | None:
    """Return the first server that accepts the token *current*, which may order the rotation; None if none does."""
    return next((name for name, state in states.items() if current in state.accepts), None)


def to_restart(states: Mapping[str, TokenState], wanted: str) -> tuple[str, ...]:
    """Return the servers that run with another token than *wanted*, or with a file that they have not read yet."""
    return tuple(name for name, state in states.items() if state.stale or wanted not in state.accepts)


def stored_under(states: Iterable[TokenState]) -> frozenset[str]:
    """Return the names of the bootstrap data, as any server tells them."""
    return frozenset(name for state in states for name in state.stored)


def _quoted(text: str) -> str:
    """Return *text* as curl's configuration wants it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
