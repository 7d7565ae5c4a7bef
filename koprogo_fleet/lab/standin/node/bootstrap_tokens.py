"""
``k3s token create``, ``list`` and ``delete``: bootstrap tokens, which are Secrets of the cluster, as kubeadm keeps them.

K3s' source: pkg/cli/token/token.go. That agents may join with one is not in the stand-in.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.lab.standin.node import admin_flags
from koprogo_fleet.lab.standin.node.join import client_context
from koprogo_fleet.lab.standin.node.keys import Kind
from koprogo_fleet.lab.standin.node.layout import API_PORT, LOCAL_API_ADDRESS, Layout
from koprogo_fleet.lab.standin.node.tokens import PREFIX, ca_hash
from koprogo_fleet.lab.standin.node.wire import Api

SECRETS = "/api/v1/namespaces/kube-system/secrets"
TYPE = "bootstrap.kubernetes.io/token"
NAME = "bootstrap-token-"
ID = r"[a-z0-9]{6}"
TOKEN = rf"({ID})\.([a-z0-9]{{16}})"
USAGES = ("signing", "authentication")
GROUPS = ("system:bootstrappers:k3s:default-node-token",)
_COMMON = {"data-dir": Kind.TEXT, "kubeconfig": Kind.TEXT}
_DURATION = re.compile(r"(\d+)(h|m|s)")
_UNIT = {"h": 3600, "m": 60, "s": 1}


def generate() -> str:
    """Return a token that nobody knows yet."""
    return f"{secrets.token_hex(3)}.{secrets.token_hex(8)}"


def create(arguments: Sequence[str]) -> None:
    """Make one, and print it in the full form."""
    kinds = {**_COMMON, "description": Kind.TEXT, "groups": Kind.LIST, "usages": Kind.LIST, "ttl": Kind.TEXT}
    flags = admin_flags.parse(arguments, kinds, {}, positional=True)
    token = flags.arguments[0] if flags.arguments else generate()
    found = re.fullmatch(TOKEN, token)
    if found is None:
        raise InputError(f'the bootstrap token "{token}" was not of the form "{TOKEN}"')
    data = {
        "token-id": found[1],
        "token-secret": found[2],
        "description": flags.text("description"),
        "auth-extra-groups": ",".join(flags.lists.get("groups", GROUPS)),
        **{f"usage-bootstrap-{usage}": "true" for usage in flags.lists.get("usages", USAGES)},
    }
    if seconds := _seconds(flags.text("ttl", "24h")):
        end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        data["expiration"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    layout = Layout()
    with closing(_api(layout)) as api:
        if api.get(f"{SECRETS}/{NAME}{found[1]}") is not None:
            raise KubernetesError(f'a token with id "{found[1]}" already exists')
        body = {"metadata": {"name": NAME + found[1]}, "type": TYPE, "stringData": data}
        api.send("POST", SECRETS, body).success()
    sys.stdout.write(f"{PREFIX}{ca_hash((layout.tls / 'server-ca.crt').read_bytes())}::{token}\n")


def delete(arguments: Sequence[str]) -> None:
    """Delete those that are named by their ids, or in full."""
    flags = admin_flags.parse(arguments, _COMMON, {}, positional=True)
    if not flags.arguments:
        raise InputError("missing argument; 'token delete' is missing token")
    with closing(_api(Layout())) as api:
        for word in flags.arguments:
            name = word.partition(".")[0]
            if not re.fullmatch(ID, name):
                raise InputError(f'given token didn\'t match pattern "{ID}" or "{TOKEN}"')
            api.send("DELETE", f"{SECRETS}/{NAME}{name}", {}).success()
            sys.stdout.write(f'bootstrap token "{name}" deleted\n')


def show(arguments: Sequence[str]) -> None:
    """List them by their ids; the secret halves are not shown."""
    flags = admin_flags.parse(arguments, {**_COMMON, "output": Kind.TEXT}, {"o": "output"})
    with closing(_api(Layout())) as api:
        found = [_decoded(item) for item in api.items(f"{SECRETS}?fieldSelector=type%3D{TYPE.replace('/', '%2F')}")]
    form = flags.text("output", "text")
    if form == "json":
        sys.stdout.write(json.dumps(found) + "\n")
        return
    if form != "text":
        raise InputError(f"stand-in: token list has no output {form}")
    rows = [("TOKEN", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS")]
    rows += [
        (
            item["token-id"],
            item.get("expiration", "<never>"),
            ",".join(sorted(key.removeprefix("usage-bootstrap-") for key in item if key.startswith("usage-"))),
            item.get("description") or "<none>",
            item.get("auth-extra-groups") or "<none>",
        )
        for item in found
    ]
    sys.stdout.writelines("   ".join(f"{cell:<10}" for cell in row).rstrip() + "\n" for row in rows)


def _decoded(item: Mapping[str, Any]) -> dict[str, str]:
    data = {key: base64.b64decode(value).decode() for key, value in item["data"].items()}
    data.pop("token-secret", None)
    return data


def _seconds(text: str) -> int:
    if text == "0":
        return 0
    parts = _DURATION.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        raise InputError(f'invalid value "{text}" for flag -ttl: parse error')
    return sum(int(number) * _UNIT[unit] for number, unit in parts)


def _api(layout: Layout) -> Api:
    context = client_context(layout.tls / "server-ca.crt", layout.tls / "client-admin.crt")
    return Api(LOCAL_API_ADDRESS, API_PORT, context)
