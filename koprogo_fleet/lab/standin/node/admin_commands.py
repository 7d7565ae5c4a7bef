"""
``k3s token rotate`` and ``k3s secrets-encrypt …``: requests to a server, with the server token.

K3s' source: pkg/cli/token/token.go, pkg/cli/secretsencrypt/secrets_encrypt.go, pkg/cli/cmds/{token,secrets_encrypt}.go. The
old token may come from ``K3S_TOKEN`` or the server's own file; the new one comes from the command line alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.lab.standin.node import admin_flags, bootstrap_tokens, encryption, tokens
from koprogo_fleet.lab.standin.node.admin_flags import Flags
from koprogo_fleet.lab.standin.node.join import Server
from koprogo_fleet.lab.standin.node.keys import Kind
from koprogo_fleet.lab.standin.node.layout import Layout
from koprogo_fleet.lab.standin.node.server_requests import ENCRYPTION_CONFIG, ENCRYPTION_STATUS, TOKEN
from koprogo_fleet.lab.standin.node.settings import server_port
from koprogo_fleet.lab.standin.node.wire import TIMEOUT_SECONDS, Answer

ROTATE_KEYS_SECONDS = 70.0
LOCAL = "https://127.0.0.1:6443"
_COMMON = {"data-dir": Kind.TEXT, "token": Kind.TEXT, "server": Kind.TEXT}
_SHORT = {"d": "data-dir", "t": "token", "s": "server", "o": "output", "f": "force"}
_ROTATED = (
    "\033[33mWARNING\033[0m: Recommended to keep a record of the old token. If restoring from a snapshot, you must use "
    "the token associated with that snapshot.\n"
)
_ENCRYPTION: Mapping[str, tuple[Mapping[str, Any], str]] = MappingProxyType(
    {
        "enable": ({"enable": True}, "secrets-encryption enabled"),
        "disable": ({"enable": False}, "secrets-encryption disabled"),
        "prepare": ({"stage": encryption.PREPARE}, "prepare completed successfully"),
        "rotate": ({"stage": encryption.ROTATE}, "rotate completed successfully"),
        "reencrypt": ({"stage": encryption.REENCRYPT_ACTIVE}, "reencryption started"),
        "rotate-keys": ({"stage": encryption.ROTATE_KEYS}, "keys rotated, reencryption started"),
    }
)
_FORCE = {"prepare": ("force",), "rotate": ("force",), "reencrypt": ("force", "skip")}


def token(name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """
    Run ``k3s token`` *name*.

    Raises:
        InputError: there is no such command.
    """
    match name:
        case "rotate":
            _rotate_token(arguments, environment)
        case "generate":
            sys.stdout.write(f"{bootstrap_tokens.generate()}\n")
        case "create":
            bootstrap_tokens.create(arguments)
        case "delete":
            bootstrap_tokens.delete(arguments)
        case "list":
            bootstrap_tokens.show(arguments)
        case _:
            raise InputError(f"No help topic for '{name}'")


def _rotate_token(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    kinds = {**_COMMON, "new-token": Kind.TEXT, "kubeconfig": Kind.TEXT}
    flags = admin_flags.parse(arguments, kinds, _SHORT)
    sys.stdout.write(_ROTATED)
    sys.stdout.flush()
    body = {"newToken": flags.text("new-token")}
    _success(_put(flags, environment, TOKEN, body))
    time.sleep(1)
    sys.stdout.write("Token rotated, restart k3s nodes with new token\n")


def secrets_encrypt(name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """
    Run ``k3s secrets-encrypt`` *name*.

    Raises:
        InputError: there is no such command.
        KubernetesError: the server refuses; K3s says no more than an error's number.
    """
    if name == "status":
        _status(arguments, environment)
        return
    if name not in _ENCRYPTION:
        raise InputError(f"No help topic for '{name}'")
    body, done = _ENCRYPTION[name]
    kinds = {**_COMMON, **dict.fromkeys(_FORCE.get(name, ()), Kind.FLAG)}
    flags = admin_flags.parse(arguments, kinds, _SHORT)
    _details(
        _put(flags, environment, ENCRYPTION_CONFIG, {**body, **{key: flags.given(key) for key in ("force", "skip")}})
    )
    sys.stdout.write(done + "\n")


def _status(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    flags = admin_flags.parse(arguments, {**_COMMON, "output": Kind.TEXT}, _SHORT)
    with closing(_server(flags, environment)) as server:
        state = json.loads(_details(server.get(ENCRYPTION_STATUS)))
    if flags.text("output").lower() == "json":
        sys.stdout.write(json.dumps(state, indent="\t") + "\n")
        return
    sys.stdout.write(status_text(state))


def status_text(state: Mapping[str, Any]) -> str:
    """Return what ``status`` prints for people."""
    if state.get("enable") is None:
        return "Encryption Status: Disabled, no configuration file found\n"
    rows = [(" *", state["activekey"])] if state["activekey"] else []
    rows += [("", name) for name in state.get("inactivekeys", ())]
    hashes = "All hashes match" if state.get("hashmatch") else state.get("hasherror", "")
    table = "".join(f"{mark:<8}{name.partition(' ')[0]:<10}{name.partition(' ')[2]}\n" for mark, name in rows)
    return (
        f"Encryption Status: {'Enabled' if state['enable'] else 'Disabled'}\n"
        f"Current Rotation Stage: {state['stage']}\nServer Encryption Hashes: {hashes}\n\n"
        f"Active  Key Type  Name\n------  --------  ----\n{table}\n"
    )


def _put(flags: Flags, environment: Mapping[str, str], path: str, body: Mapping[str, Any]) -> Answer:
    seconds = ROTATE_KEYS_SECONDS if body.get("stage") == encryption.ROTATE_KEYS else TIMEOUT_SECONDS
    with closing(_server(flags, environment, seconds)) as server:
        return server.put(path, json.dumps(body).encode())


def _server(flags: Flags, environment: Mapping[str, str], seconds: float = TIMEOUT_SECONDS) -> Server:
    layout = Layout(Path(flags.text("data-dir"))) if flags.text("data-dir") else Layout()
    text = flags.text("token", environment.get("K3S_TOKEN", ""))
    if not text:
        try:
            text = layout.server_token.read_text()
        except OSError as error:
            raise InputError(f"open {layout.server_token}: {error.strerror}") from error
    url = flags.text("server", environment.get("K3S_URL", LOCAL))
    return Server(*server_port(url), tokens.parse(text), user="server", seconds=seconds)


def _success(answer: Answer) -> bytes:
    if answer.ok:
        return answer.body
    raise KubernetesError(f"{answer.request}: {answer.status} {answer.reason}: {answer.body.decode().strip()}")


def _details(answer: Answer) -> bytes:
    try:
        return _success(answer)
    except KubernetesError as error:
        raise KubernetesError(f"see server log for details: {error}") from error
